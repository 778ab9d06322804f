"""The entry script of a SageMaker training job, here and there (Python 3.8, MXNet 1.9.0).

Script mode: hyperparameters arrive as arguments, channels and folders as variables of the environment, metrics leave as
printed `name=value` words, checkpoints lie where the next job finds them after a stop, and what is saved at the end is
what `inference.py` serves. Several hosts share the work through MXNet's parameter server.
"""

import argparse
import gzip
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import traceback
from pathlib import Path

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon
from mxnet.gluon import nn

# A scheduler or server is a Python that imports MXNet in that role; it ends when the worker that started it is gone.
HELPER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
import mxnet
"""
BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
CONTEXT = mx.gpu() if mx.context.num_gpus() else mx.cpu()
INFERENCE = Path(__file__).resolve().with_name("inference.py")


def arguments():
    variables = os.environ.get
    train = variables("SM_CHANNEL_TRAIN", variables("SM_CHANNEL_TRAINING"))
    parser = argparse.ArgumentParser(description="Train a small classifier of grey pictures.")
    add = parser.add_argument
    add("--epochs", type=int, default=3)
    add("--batch-size", type=int, default=64)
    add("--learning-rate", type=float, default=0.05)
    add("--momentum", type=float, default=0.9)
    add("--channels", type=int, default=16, help="kernels of the first convolution")
    add("--dropout", type=float, default=0.2)
    add("--samples", type=int, help="use only so many training pictures")
    add("--seed", type=int, default=0)
    add("--classes", default="", help="class names with commas between them; default: the numbers")
    add("--hosts", type=json.loads, default=variables("SM_HOSTS", '["localhost"]'), help="all host names, as JSON")
    add("--host", default=variables("SM_CURRENT_HOST", "localhost"), help="the name of this host")
    add("--train", type=Path, default=train, required=train is None, help="folder of the training pictures")
    add("--test", type=Path, default=variables("SM_CHANNEL_TEST"), help="default: a tenth of the training pictures")
    add("--model-dir", type=Path, default=variables("SM_MODEL_DIR", BASE / "model"))
    add("--checkpoint-dir", type=Path, default=BASE / "checkpoints")
    known, unknown = parser.parse_known_args()  # a toolkit may pass hyperparameters of its own
    if unknown:
        print("not used:", *unknown)
    return known


# ---------------------------------------------------------------- data


def read_channel(folder, part):
    """The pictures (n, height, width) and labels (n) of a folder: one .npz, or IDX files, gzipped or not."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            return file["images"], file["labels"]
    pictures, labels = (sorted(folder.glob(f"{part}-{kind}-*ubyte*")) for kind in ("images", "labels"))
    if not (pictures and labels):
        raise SystemExit(f"The channel {folder} needs an .npz with `images` and `labels`, or IDX files named {part}-*.")
    return read_idx(pictures[0]), read_idx(labels[0])


def read_idx(path):
    """The format of MNIST: two zeros, the type, the number of dimensions, each dimension, then the bytes."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if content[:3] != b"\0\0\x08":
        raise SystemExit(f"{path.name} is not an IDX file of bytes.")
    start = 4 + 4 * content[3]
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) != start + int(np.prod(shape)):
        raise SystemExit(f"{path.name} is incomplete; fetch it again.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


class Pictures:
    """Pictures and labels in batches on the device, normal: mean 0, deviation 1."""

    def __init__(self, images_and_labels, mean, std):
        self.images, self.labels = images_and_labels
        self.mean, self.std = mean, std

    def batches(self, order, size):
        for start in range(0, len(order), size):
            part = order[start : start + size]
            pixels = mx.nd.array(self.images[part, None], ctx=CONTEXT)  # (batch, 1, height, width)
            yield (pixels - self.mean) / self.std, mx.nd.array(self.labels[part], ctx=CONTEXT)


# ---------------------------------------------------------------- several hosts


def join(hosts, host):
    """Become one of several workers; returns the store through which they add up their gradients.

    AWS's container starts the parameter server itself when the job asks for it and says so by DMLC_ROLE. Elsewhere it
    is done here: the first host runs the scheduler, every host a server.
    """
    if len(hosts) == 1:
        return None
    if "DMLC_ROLE" not in os.environ:
        os.environ.setdefault("DMLC_PS_ROOT_URI", socket.gethostbyname(hosts[0]))
        os.environ.setdefault("DMLC_PS_ROOT_PORT", "8000")
        # Left to itself, MXNet takes the address of the first network interface, and a machine may have none.
        os.environ.setdefault("DMLC_NODE_HOST", socket.gethostbyname(host))
        os.environ.update(DMLC_NUM_WORKER=str(len(hosts)), DMLC_NUM_SERVER=str(len(hosts)), DMLC_ROLE="worker")
        for role in ["scheduler", "server"] if host == hosts[0] else ["server"]:
            variables = dict(os.environ, DMLC_ROLE=role)
            subprocess.Popen([sys.executable, "-c", HELPER], env=variables, stdin=subprocess.PIPE)
    return mx.kv.create("dist_sync")


# ---------------------------------------------------------------- checkpoints


def resume(folder, net, trainer):
    """Load the newest checkpoint, if there is one; returns how many epochs are done."""
    marker = folder / "checkpoint.json"
    if not marker.exists():
        return 0
    done = json.loads(marker.read_text())["epoch"]
    net.load_parameters(str(folder / f"checkpoint-{done}.params"), ctx=CONTEXT)
    trainer.load_states(str(folder / f"checkpoint-{done}.states"))
    print(f"resumed-epoch={done}", flush=True)
    return done


def checkpoint(folder, net, trainer, done):
    """Write a checkpoint beside the last one, then point to it: a stop at any moment leaves a whole one."""
    folder.mkdir(parents=True, exist_ok=True)
    net.save_parameters(str(folder / f"checkpoint-{done}.params"))
    trainer.save_states(str(folder / f"checkpoint-{done}.states"))
    marker = folder / "checkpoint.json"
    marker.with_suffix(".tmp").write_text(json.dumps({"epoch": done}))
    marker.with_suffix(".tmp").replace(marker)
    for kind in ("params", "states"):
        old = folder / f"checkpoint-{done - 1}.{kind}"
        if old.exists():
            old.unlink()


# ---------------------------------------------------------------- training


def build(channels, dropout, classes):
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(channels, 5, padding=2, activation="relu"),
        nn.MaxPool2D(),
        nn.Conv2D(2 * channels, 3, activation="relu"),
        nn.MaxPool2D(),
        nn.Dense(8 * channels, activation="relu"),
        nn.Dropout(dropout),
        nn.Dense(classes),
    )
    return net


def add_up(store, parameters):
    """Replace every gradient by the sum over the hosts.

    Gluon's trainer can do this, but in MXNet 1.9 its `update_on_kvstore=False` lets the hosts drift apart unnoticed,
    and with True the optimizer's state stays on the server, where no checkpoint finds it.
    """
    for number, parameter in enumerate(parameters):
        store.push(number, parameter.grad(), priority=-number)
    for number, parameter in enumerate(parameters):
        store.pull(number, parameter.grad(), priority=-number)


def run_epoch(net, trainer, pictures, order, size, store):
    """One pass over the pictures, with training; returns the mean loss and the accuracy."""
    parameters = list(net.collect_params().values())
    workers = store.num_workers if store else 1
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    accuracy, total = mx.metric.Accuracy(), mx.metric.Loss()
    for pixels, labels in pictures.batches(order, size):
        with autograd.record():
            scores = net(pixels)
            loss = loss_of(scores, labels)
        loss.backward()
        if store:
            add_up(store, parameters)
        trainer.update(len(labels) * workers)
        accuracy.update(labels, scores)
        total.update(None, loss)
    return total.get()[1], accuracy.get()[1]


def evaluate(net, pictures):
    accuracy = mx.metric.Accuracy()
    for pixels, labels in pictures.batches(np.arange(len(pictures.labels)), 500):
        accuracy.update(labels, net(pixels))
    return accuracy.get()[1]


def save(folder, net, names, shape, mean, std):
    """Write the model archive's content: the exported network, what it needs to know, and the script that serves it."""
    folder.mkdir(parents=True, exist_ok=True)
    net.hybridize()
    net(mx.nd.zeros((1, 1, *shape), ctx=CONTEXT))
    net.export(str(folder / "model"), epoch=0)
    picture = {"size": shape, "mean": [mean], "std": [std], "fit": "stretch", "short": 0, "interpolation": 1}
    about = {"task": "classify", "classes": names, "picture": picture, "fuse": True, "threshold": 0.5}
    about["provenance"] = "trained by train.py"
    (folder / "model.json").write_text(json.dumps(about, indent=1) + "\n")
    if INFERENCE.exists():
        (folder / "code").mkdir(exist_ok=True)
        shutil.copy(str(INFERENCE), str(folder / "code"))


def train(args, data, test_data, names, store):
    """Train from the newest checkpoint on; the first host reports, keeps checkpoints and saves the model."""
    mean, std = float(data[0].mean()), float(data[0].std())
    shape, count = data[0].shape[1:], len(data[1])
    rank, workers = (store.rank, store.num_workers) if store else (0, 1)
    mx.random.seed(args.seed)
    net = build(args.channels, args.dropout, len(names))
    net.initialize(mx.init.Xavier(), ctx=CONTEXT)
    net(mx.nd.zeros((1, 1, *shape), ctx=CONTEXT))
    optimizer = {"learning_rate": args.learning_rate, "momentum": args.momentum}
    trainer = gluon.Trainer(net.collect_params(), "sgd", optimizer, kvstore=None)
    if store:
        for number, parameter in enumerate(net.collect_params().values()):
            store.init(number, mx.nd.zeros(parameter.shape))  # for sums of gradients; the weights are equal by the seed
    pictures, test = Pictures(data, mean, std), Pictures(test_data, mean, std)
    for epoch in range(resume(args.checkpoint_dir, net, trainer) + 1, args.epochs + 1):
        start = time.time()
        mx.random.seed(args.seed + epoch)  # so that a resumed job goes on exactly like one that was never stopped
        order = np.random.RandomState(args.seed + epoch).permutation(count)
        share = order[rank::workers][: count // workers]  # equal shares, or the hosts wait for each other forever
        loss, accuracy = run_epoch(net, trainer, pictures, share, args.batch_size, store)
        if rank == 0:
            print(
                f"epoch={epoch} train-loss={abs(loss):.4f} train-accuracy={accuracy:.4f} "
                f"validation-accuracy={evaluate(net, test):.4f} seconds={time.time() - start:.1f}",
                flush=True,
            )
            checkpoint(args.checkpoint_dir, net, trainer, epoch)
    if rank == 0:
        save(args.model_dir, net, names, shape, mean, std)


def main():
    args = arguments()
    images, labels = read_channel(args.train, "train")
    if args.test:
        test_images, test_labels = read_channel(args.test, "t10k")
    else:
        keep = len(labels) * 9 // 10
        images, test_images = images[:keep], images[keep:]
        labels, test_labels = labels[:keep], labels[keep:]
    images, labels = images[: args.samples], labels[: args.samples]
    count = int(max(labels.max(), test_labels.max())) + 1
    names = args.classes.split(",") if args.classes else [str(number) for number in range(count)]
    if len(names) < count:
        raise SystemExit(f"There are {count} classes in the data and {len(names)} names in --classes.")

    store = join(args.hosts, args.host)
    try:
        train(args, (images, labels), (test_images, test_labels), names, store)
    except BaseException:
        if store:  # closing the store would wait for the other hosts, which wait for this one
            traceback.print_exc()
            os._exit(1)
        raise


if __name__ == "__main__":
    main()
