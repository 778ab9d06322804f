"""The bench: our networks beside other engines with the same weights, in one interleaved run; times are told as ratios.

    python tools/bench.py                     # prints the table and writes build/bench.md
    python tools/bench.py --rounds 3          # a first look
    python tools/bench.py --out data/bench.md # what the README quotes; a test compares the two

Every engine lives in a process of its own and computes only when it is its turn, a short burst at a time, in an order
that changes from round to round. A ratio is taken within a round, so that a busy moment of the machine hits both sides.
PyTorch is included where it is installed.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

NETWORKS = ["resnet50_v1", "efficientnet_lite0", "ssd_300_mobilenet1.0_voc"]
PHOTO = {"classify": "retriever", "detect": "dog"}  # JPEG files
BURST = 5
OUT = Path(__file__).parents[1] / "build" / "bench.md"
ENGINES = {  # name -> variables of its process
    "ours": {"MXNET_SUBGRAPH_VERBOSE": "0"},
    "ours, serving": {"MXNET_SUBGRAPH_VERBOSE": "0", "MXNET_ENGINE_TYPE": "NaiveEngine"},
    "ONNX Runtime": {},
    "OpenVINO": {},
    "PyTorch": {},
}

# What is compared with what, and the largest ratio that was set as the aim.
ROWS = [
    *[("network", "fused", "ONNX Runtime", "fp32", 1.10), ("network", "fused", "OpenVINO", "fp32", None)],
    *[("network", "fused", "PyTorch", "fp32", None), ("network", "fused", "ours", "plain", None)],
    *[("network", "int8", "ONNX Runtime", "int8", 0.5), ("network", "int8", "OpenVINO", "int8", 1.05)],
    *[("photograph", "fused", "ONNX Runtime", "fp32", 0.5), ("photograph", "fused", "PyTorch", "fp32", 0.2)],
    *[("photograph", "int8", "ONNX Runtime", "fp32", 0.5), ("photograph", "int8", "PyTorch", "fp32", 0.2)],
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--worker", nargs=2, metavar=("ENGINE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker[0], Path(options.worker[1]), options.networks)
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options.networks)
        times = measure(Path(folder), options.networks, options.rounds)
        agreed = agreements(Path(folder), options.networks)
    text = report(times, agreed, options)
    print(text)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(text)


# ---------------------------------------------------------------- the same weights for every engine


def calibration():
    """A dozen photographs from which integer networks take the range of their numbers."""
    return [
        "cat",
        "coffee",
        "astronaut",
        "kitten",
        "dog",
        "meadow",
        "street",
        "canteen",
        "flower",
        "beach",
        "sofa",
        "buses",
    ]


def prepare(folder, names):
    """Write every network as an ONNX file, the same in 8-bit integers, and as a graph with arrays for PyTorch."""
    import mxnet as mx
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from gluon_lessons import boxes, fast, photos, predict, zoo

    class Reader(CalibrationDataReader):
        def __init__(self, inputs):
            self.left = iter([{"data": one} for one in inputs])

        def get_next(self):
            return next(self.left, None)

    for name in names:
        network = zoo.load(name)
        entry = network.entry
        graph, _ = fast.graph(network)
        if entry.task == "detect":
            np.save(folder / f"{name}.anchors.npy", boxes.anchors(network.net, entry.size, entry.size))
        inputs = set(graph.list_inputs())
        values = {key: value.data() for key, value in network.net.collect_params().items() if key in inputs}
        file = str(folder / f"{name}.onnx")
        mx.onnx.export_model(graph, values, [(1, 3, entry.size, entry.size)], [np.float32], file)
        model = onnx.load(file)
        weights = {weight.name for weight in model.graph.initializer}
        for given in [given for given in model.graph.input if given.name in weights]:
            model.graph.input.remove(given)  # or ONNX Runtime thinks that weights change, and joins nothing
        onnx.save(model, file)
        (folder / f"{name}.json").write_text(graph.tojson())
        np.savez(folder / f"{name}.npz", **{key: value.asnumpy() for key, value in values.items()})
        pictures = [predict.prepare(photo, entry)[0] for photo in calibration()]
        np.save(folder / f"{name}.npy", pictures[0])
        quant_pre_process(file, file + ".pre", skip_symbolic_shape=True)
        quantize_static(
            file + ".pre",
            str(folder / f"{name}.int8.onnx"),
            Reader(pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
        )
        mean, deviation = np.array(entry.mean), np.array(entry.deviation)
        about = {"task": entry.task, "size": entry.size, "classes": entry.classes, "scale": (1 / deviation).tolist()}
        about |= {"shift": (-mean / deviation).tolist(), "photo": str(photos.path(PHOTO[entry.task]))}
        (folder / f"{name}.about.json").write_text(json.dumps(about))


# ---------------------------------------------------------------- the processes


def work(engine, folder, names):
    """Compute what is asked for on standard input, and answer with the times in milliseconds."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints stays out of the answers
    tasks = {}
    for name in names:
        make = {
            "ours": ours,
            "ours, serving": ours,
            "ONNX Runtime": onnxruntime,
            "OpenVINO": openvino,
            "PyTorch": torch,
        }
        for (what, form), task in make[engine](folder, name).items():
            tasks[f"{what} {form} {name}"] = task
    print(json.dumps(sorted(tasks)), file=answers, flush=True)
    for line in sys.stdin:
        task, times = tasks[line.strip()], []
        for _ in range(BURST + 1):
            start = time.perf_counter()
            task()
            times.append(1000 * (time.perf_counter() - start))
        print(json.dumps(times[1:]), file=answers, flush=True)


def ours(folder, name):
    import mxnet as mx

    from gluon_lessons import fast, predict, zoo
    from gluon_lessons.zoo import families

    plain = zoo.load(name)
    forms = {"plain": plain, "fused": fast.fused(plain), "int8": fast.int8(plain, calibration())}
    photo = about(folder, name)["photo"]
    data = mx.nd.array(np.load(folder / f"{name}.npy"))
    answer = predict.FUNCTIONS[plain.entry.task]

    def run(net):
        outputs = net(data)
        for output in outputs if isinstance(outputs, list | tuple) else [outputs]:
            output.wait_to_read()

    tasks = {}
    for form, network in forms.items():
        net = families.of(network.entry).body(network)
        tasks["network", form] = lambda net=net: run(net)
        tasks["photograph", form] = lambda network=network: answer(photo, network)
    return tasks


def onnxruntime(folder, name):
    from onnxruntime import InferenceSession, set_default_logger_severity

    set_default_logger_severity(3)  # it warns of names that the export left over
    tasks = {}
    for form, file in (("fp32", f"{name}.onnx"), ("int8", f"{name}.int8.onnx")):
        session = InferenceSession(str(folder / file), providers=["CPUExecutionProvider"])
        run = lambda data, session=session: session.run(None, {"data": data})  # noqa: E731
        tasks |= both(folder, name, form, run)
    return tasks


def openvino(folder, name):
    import openvino as ov

    tasks = {}
    for form, file in (("fp32", f"{name}.onnx"), ("int8", f"{name}.int8.onnx")):
        # Where the processor has 16-bit floats, OpenVINO takes them unless told otherwise: half the work, fewer digits.
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        model = ov.Core().compile_model(str(folder / file), "CPU", options)
        run = lambda data, model=model: list(model(data).values())  # noqa: E731
        tasks |= both(folder, name, form, run)
    return tasks


def torch(folder, name):
    """PyTorch, eager: the network's graph, one PyTorch function a node."""
    import torch as t
    from torch.nn import functional as f

    graph = json.loads((folder / f"{name}.json").read_text())
    values = {key: t.from_numpy(value) for key, value in np.load(folder / f"{name}.npz").items()}

    def attribute(node, key, default="None"):
        text = node.get("attrs", {}).get(key, default)
        return eval(text, {}) if text[0] in "(-0123456789TFN" else text

    def function(node):
        get = lambda key, default="None": attribute(node, key, default)  # noqa: E731
        match node["op"]:
            case "Convolution":
                how = get("stride", "1"), get("pad", "0"), get("dilate", "1"), get("num_group", "1")
                return lambda x, w, b=None: f.conv2d(x, w, b, *how)
            case "BatchNorm":
                eps, fixed = get("eps", "0.001"), get("fix_gamma", "True")
                return lambda x, g, b, m, v: f.batch_norm(x, m, v, None if fixed else g, b, eps=eps)
            case "Activation":
                return f.relu
            case "clip":
                return lambda x: f.hardtanh(x, 0.0, 6.0)
            case "elemwise_add":
                return t.add
            case "Pooling" if get("global_pool"):
                return lambda x: f.adaptive_avg_pool2d(x, 1)
            case "Pooling":
                return lambda x: f.max_pool2d(x, get("kernel"), get("stride"), get("pad"))
            case "FullyConnected":
                return lambda x, w, b: f.linear(x.flatten(1), w, b)
            case "reverse":
                return lambda x: t.flip(x, get("axis") if isinstance(get("axis"), tuple) else (get("axis"),))
            case "softmax":
                return lambda x: t.softmax(x, -1)
            case "transpose":
                return lambda x: x.permute(get("axes"))
            case "Flatten":
                return lambda x: x.flatten(1)
            case "Concat":
                return lambda *parts: t.cat(parts, get("dim"))
            case "Reshape":
                return lambda x: x.reshape([x.shape[0], *get("shape")[1:]])
        raise SystemExit(f"The bench cannot compute {node['op']} with PyTorch yet.")

    nodes = [(node["name"], node["op"] != "null" and function(node), node["inputs"]) for node in graph["nodes"]]

    def run(data):
        done = []
        with t.inference_mode():
            for name, compute, inputs in nodes:
                if compute:
                    done.append(compute(*(done[source] for source, *_ in inputs)))
                else:
                    done.append(t.from_numpy(data) if name == "data" else values[name])
        return [done[head[0]].numpy() for head in graph["heads"]]

    return both(folder, name, "fp32", run)


def both(folder, name, form, run):
    """The two tasks of another engine: the network alone, and from a photograph to an answer with PIL and NumPy."""
    data = np.load(folder / f"{name}.npy")
    facts = about(folder, name)
    answer = classify if facts["task"] == "classify" else detect
    facts["anchors"] = np.load(folder / f"{name}.anchors.npy") if answer is detect else None
    return {("network", form): lambda: run(data), ("photograph", form): lambda: answer(facts, run)}


def about(folder, name):
    return json.loads((folder / f"{name}.about.json").read_text())


def pixels(image, facts):
    array = np.asarray(image, "float32") * np.array(facts["scale"], "float32") + np.array(facts["shift"], "float32")
    return np.ascontiguousarray(array.transpose(2, 0, 1)[None])


def classify(facts, run):
    from PIL import Image

    image, size = Image.open(facts["photo"]).convert("RGB"), facts["size"]
    share = round(size / 0.875) / min(image.size)
    image = image.resize([round(side * share) for side in image.size], Image.Resampling.BILINEAR)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    (scores,) = run(pixels(image.crop((left, top, left + size, top + size)), facts))
    likelihood = np.exp(scores[0] - scores[0].max())
    likelihood /= likelihood.sum()
    return [(facts["classes"][index], likelihood[index]) for index in np.argsort(-likelihood)[:5]]


def detect(facts, run):
    from PIL import Image

    image, size = Image.open(facts["photo"]).convert("RGB"), facts["size"]
    likelihood, offsets = run(pixels(image.resize((size, size), Image.Resampling.BILINEAR), facts))
    likelihood = likelihood[0, :, 1:]
    rows, names = np.nonzero(likelihood > 0.5)
    anchors, offsets = facts["anchors"][rows], offsets[0][rows] * np.array([0.1, 0.1, 0.2, 0.2], "float32")
    centres = anchors[:, :2] + offsets[:, :2] * anchors[:, 2:]
    halves = anchors[:, 2:] * np.exp(offsets[:, 2:]) / 2
    boxes = np.hstack([centres - halves, centres + halves]) * np.tile(np.array(image.size) / size, 2)
    scores = likelihood[rows, names]
    found, left = [], np.argsort(-scores)
    while len(left):
        first, left = left[0], left[1:]
        found.append((facts["classes"][names[first]], scores[first], boxes[first]))
        sides = np.minimum(boxes[first, 2:], boxes[left, 2:]) - np.maximum(boxes[first, :2], boxes[left, :2])
        shared = np.prod(np.maximum(sides, 0), axis=1)
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        left = left[(shared <= 0.45 * (areas[first] + areas[left] - shared)) | (names[left] != names[first])]
    return found


def measure(folder, names, rounds):
    """Start the processes and give each its turns; returns (engine, task) -> one time a round."""
    workers = {}
    for engine, variables in ENGINES.items():
        if engine == "PyTorch" and importlib.util.find_spec("torch") is None:
            continue
        command = [sys.executable, __file__, "--networks", *names, "--worker", engine, str(folder)]
        variables = os.environ | {"OMP_NUM_THREADS": str(os.cpu_count())} | variables
        workers[engine] = subprocess.Popen(
            command, env=variables, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    turns = [(engine, task) for engine, worker in workers.items() for task in json.loads(worker.stdout.readline())]
    times = {turn: [] for turn in turns}
    for number in tqdm(range(rounds), "rounds", disable=None):
        random.Random(number).shuffle(turns)
        turns.sort(key=lambda turn: turn[1].split()[-1])  # one network after the other, as ratios are taken within one
        for engine, task in turns:
            print(task, file=workers[engine].stdin, flush=True)
            times[engine, task].append(min(json.loads(workers[engine].stdout.readline())))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return times


# ---------------------------------------------------------------- what the speed has cost


def agreements(folder, names):
    """For every network, how far its quick forms agree with the plain one: on 200 crops of photographs other than those
    of the calibration and those on which the settings of `fast.int8` were chosen. Beside them ONNX Runtime's integers,
    with what it computes in 32-bit floats.
    """
    from gluon_lessons import fast, photos, zoo

    strange = ["galaxies", "coins", "page", "scream"]
    known = [name for name in photos.names() if name not in calibration() + strange]
    chance = np.random.RandomState(2026)
    crops = []
    while len(crops) < 200:
        picture = photos.read(known[len(crops) % len(known)])
        side = int(min(picture.shape[:2]) * chance.uniform(0.5, 1))
        top, left = (chance.randint(0, length - side + 1) for length in picture.shape[:2])
        crops.append(picture[top : top + side, left : left + side])
    results = []
    for name in names:
        plain = zoo.load(name)
        results.append((name, "fused", fast.agreement(plain, fast.fused(plain), crops)))
        results.append((name, "int8", fast.agreement(plain, fast.int8(plain, calibration()), crops)))
        theirs = [elsewhere(plain, folder / file) for file in (f"{name}.onnx", f"{name}.int8.onnx")]
        results.append((name, "ONNX Runtime int8", fast.agreement(*theirs, crops)))
    return results


def elsewhere(network, file):
    """A network whose numbers ONNX Runtime computes."""
    import mxnet as mx
    from onnxruntime import InferenceSession, set_default_logger_severity

    set_default_logger_severity(3)
    session = InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return dataclasses.replace(
        network,
        net=lambda data: [mx.nd.array(output) for output in session.run(None, {"data": data.asnumpy()})],
        plain=network,
    )


# ---------------------------------------------------------------- the table


def report(times, agreed, options):
    lines = [
        "# Speed, measured side by side",
        "",
        f"Ratios of times with {os.cpu_count()} threads: {options.rounds} rounds of the best of {BURST} runs;",
        "the same weights everywhere. Below 1 ours is quicker. Serving is ours with MXNet's naive engine, for servers;",
        "where only that reaches the aim, the last column says so.",
        "",
        "| network | from | ours | beside | ratio | quartiles | serving | quartiles | aim | met |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in options.networks:
        for what, form, engine, other, aim in ROWS:
            theirs = times.get((engine, f"{what} {other} {name}"))
            if theirs is None:
                continue
            cells, medians = [], []
            for mine in ("ours", "ours, serving"):
                low, middle, high = np.percentile(np.divide(times[mine, f"{what} {form} {name}"], theirs), [25, 50, 75])
                cells.append(f"{middle:.2f} | {low:.2f} to {high:.2f}")
                medians.append(middle)
            verdict = (
                "" if aim is None else "yes" if medians[0] <= aim else "serving" if medians[1] <= aim else "**no**"
            )
            lines.append(
                f"| {name} | {what} | {form} | {engine} {other} | {' | '.join(cells)} | {aim or ''} | {verdict} |"
            )
    lines += ["", "| network | form | agrees with its 32-bit floats | aim | met |", "|---|---|---|---|---|"]
    for name, form, agreement in agreed:
        aim = 0.97 if agreement.what == "boxes" else 0.98
        verdict = f"{aim} | {'yes' if agreement.same >= aim else '**no**'}" if form in ("fused", "int8") else " | "
        lines.append(f"| {name} | {form} | {agreement} | {verdict} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
