"""Programs as the assignments of courses and the tutorials of GluonCV have them run, in a Python of their own.

They know nothing of this course. Where this machine cannot reach a network, another one's name stands in its place.
"""

import os
import subprocess
import sys
import textwrap

import pytest

from gluon_lessons import photos
from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache
from gluon_lessons.zoo import store

DATA_SETS = {"fashion-mnist.npz", "mnist.npz"}


def needs(*what):
    """Skip where the cache lacks a network, a data set or a photograph, as before the first `make test`."""
    for name in what:
        if name in DATA_SETS:
            there = (cache.folder("datasets") / name).exists()
        elif name in photos.names():
            try:
                there = photos.path(name).exists()
            except LessonError:
                there = False
        else:
            there = store.find(name) is not None
        if not there:
            pytest.skip(f"{name} is not in the cache")


def run(program, tmp_path):
    """What the program prints; it runs in an empty folder."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, env=os.environ | {"MPLBACKEND": "agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_assignment_classifies_clothes(tmp_path):
    needs("fashion-mnist.npz")
    (accuracy,) = run(
        """
        import mxnet as mx
        from mxnet import autograd, gluon, init
        from mxnet.gluon import nn
        from mxnet.gluon.data.vision import FashionMNIST, transforms

        mx.random.seed(7)
        prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.286, 0.353)])
        clothes = FashionMNIST(train=True).transform_first(prepare)
        held_out = FashionMNIST(train=False).transform_first(prepare)
        some = gluon.data.SimpleDataset([clothes[i] for i in range(3000)])
        others = gluon.data.SimpleDataset([held_out[i] for i in range(1000)])
        loader = gluon.data.DataLoader(some, batch_size=50, shuffle=True)

        net = nn.HybridSequential()
        net.add(nn.Dense(64, activation="relu"), nn.Dense(10))
        net.initialize(init.Xavier())
        loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
        trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.003})
        for _ in range(2):
            for pictures, labels in loader:
                with autograd.record():
                    loss = loss_of(net(pictures), labels)
                loss.backward()
                trainer.step(len(labels))
        metric = mx.metric.Accuracy()
        for pictures, labels in gluon.data.DataLoader(others, batch_size=100):
            metric.update(labels, net(pictures))
        print(metric.get()[1])
        """,
        tmp_path,
    )
    assert float(accuracy) > 0.72


def test_lenet_learns_digits_from_the_iterators_of_the_handwritten_digit_tutorial(tmp_path):
    needs("mnist.npz")
    (accuracy,) = run(
        """
        import mxnet as mx
        from mxnet import autograd, gluon
        from mxnet.gluon import nn

        mx.random.seed(1)
        mnist = mx.test_utils.get_mnist()
        train = mx.io.NDArrayIter(mnist["train_data"][:4000], mnist["train_label"][:4000], 50, shuffle=True)
        val = mx.io.NDArrayIter(mnist["test_data"][:1000], mnist["test_label"][:1000], 50)

        net = nn.HybridSequential()
        net.add(
            nn.Conv2D(20, 5, activation="tanh"), nn.MaxPool2D(2, 2),
            nn.Conv2D(50, 5, activation="tanh"), nn.MaxPool2D(2, 2),
            nn.Dense(100, activation="tanh"), nn.Dense(10),
        )
        net.initialize(mx.init.Xavier(magnitude=2.24))
        net.hybridize()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
        for batch in train:
            with autograd.record():
                loss = loss_of(net(batch.data[0]), batch.label[0])
            loss.backward()
            trainer.step(50)
        metric = mx.metric.Accuracy()
        for batch in val:
            metric.update(batch.label, [net(batch.data[0])])
        print(metric.get()[1])
        """,
        tmp_path,
    )
    assert float(accuracy) > 0.8


CLASSIFY = """
    import mxnet as mx
    from gluoncv import utils
    from gluoncv.data.transforms.presets.imagenet import transform_eval
    {imports}

    net = {make}
    file = utils.download("https://raw.githubusercontent.com/zhreshold/mxnet-ssd/master/data/demo/eagle.jpg")
    picture = mx.image.imread(file)
    scores = net(transform_eval(picture))
    best = mx.nd.topk(scores, k=3)[0].astype("int").asnumpy()
    for index in best:
        print(mx.nd.softmax(scores)[0][int(index)].asscalar(), {classes}[index])
"""


@pytest.mark.parametrize(
    ("imports", "make", "classes"),
    [
        ("from gluoncv.model_zoo import get_model", "get_model('EfficientNet_Lite0', pretrained=True)", "net.classes"),
        ("from gluoncv.model_zoo import get_model", "get_model('ResNet50_v1', pretrained=True)", "net.classes"),
        (
            "from mxnet.gluon.model_zoo import vision; from gluoncv.data import ImageNet1kAttr",
            "vision.resnet50_v1(pretrained=True)",
            "ImageNet1kAttr().classes",
        ),
        (
            "from mxnet.gluon.model_zoo import vision",
            "vision.get_model('efficientnet_lite0', pretrained=True)",
            "net.classes",
        ),
    ],
)
def test_a_pretrained_network_names_a_picture(imports, make, classes, tmp_path):
    needs("eagle", "resnet50_v1" if "resnet50" in make.lower() else "efficientnet_lite0")
    lines = run(CLASSIFY.format(imports=imports, make=make, classes=classes), tmp_path)
    score, name = lines[0].split(" ", 1)
    assert name in ("bald eagle", "kite") and float(score) > 0.3, lines


DETECT = """
    from gluoncv import data, model_zoo, utils
    from matplotlib import pyplot as plt

    net = model_zoo.get_model({name!r}, pretrained=True)
    file = utils.download(
        "https://raw.githubusercontent.com/zhreshold/mxnet-ssd/master/data/demo/person.jpg", path="person.jpg"
    )
    x, picture = data.transforms.presets.{preset}.load_test(file, short={short})
    class_ids, scores, boxes = net(x)
    axes = utils.viz.plot_bbox(picture, boxes[0], scores[0], class_ids[0], class_names=net.classes, thresh=0.4)
    plt.savefig("out.png")
    for number in range(5):
        if scores[0][number].asscalar() > 0.4:
            print(net.classes[int(class_ids[0][number].asscalar())], *boxes[0][number].asnumpy().astype(int))
"""


@pytest.mark.parametrize(
    ("name", "preset", "short", "expected"),
    [
        ("ssd_300_mobilenet1.0_voc", "ssd", 300, {"person", "horse"}),
        ("centernet_mobilenetv3_coco", "yolo", 512, {"person", "dog"}),  # a wide picture, which it was not trained on
    ],
)
def test_the_tutorials_of_ssd_and_yolo_find_who_is_on_the_meadow(name, preset, short, expected, tmp_path):
    needs("meadow", name)
    lines = run(DETECT.format(name=name, preset=preset, short=short), tmp_path)
    found = {line.split()[0]: [int(side) for side in line.split()[1:]] for line in reversed(lines)}
    assert expected <= set(found), lines
    assert found.get("dog", (0,))[0] < found["person"][0] < found.get("horse", (999,) * 4)[2]  # from left to right
    assert (tmp_path / "out.png").stat().st_size > 10_000


def test_a_detector_is_reset_to_people_before_poses_are_looked_for(tmp_path):
    """The pose network comes without weights here, so only the way to it is followed."""
    needs("meadow", "ssd_300_mobilenet1.0_voc")
    lines = run(
        """
        from gluoncv import data, model_zoo, utils
        from gluoncv.data.transforms.pose import detector_to_simple_pose, heatmap_to_coord
        from gluoncv.utils.viz import plot_keypoints
        from matplotlib import pyplot as plt

        detector = model_zoo.get_model("ssd_300_mobilenet1.0_voc", pretrained=True)
        pose_net = model_zoo.get_model("simple_pose_resnet18_v1b", pretrained=False, pretrained_base=False)
        pose_net.initialize()
        detector.reset_class(["person"], reuse_weights=["person"])
        file = utils.download("https://github.com/pjreddie/darknet/blob/master/data/person.jpg?raw=true", path="p.jpg")
        x, picture = data.transforms.presets.ssd.load_test(file, short=300)
        class_ids, scores, boxes = detector(x)
        people, upscaled = detector_to_simple_pose(picture, class_ids, scores, boxes)
        heat = pose_net(people)
        places, sureness = heatmap_to_coord(heat, upscaled)
        plot_keypoints(picture, places, sureness, class_ids, boxes, scores, box_thresh=0.5, keypoint_thresh=0.2)
        plt.savefig("out.png")
        print(scores[0, 0].asscalar(), *boxes[0, 0].asnumpy().astype(int), *heat.shape, *places.shape)
        """,
        tmp_path,
    )
    score, left, _, right, _, *shapes = (float(word) for word in lines[0].split())
    assert score > 0.9 and 100 < left < right < 240  # in a picture of 453 by 300
    assert shapes == [1, 17, 64, 48, 1, 17, 2]


def test_the_tutorial_of_segmentation_paints_a_person_and_a_horse(tmp_path):
    needs("meadow", "deeplab_mobilenetv2_voc")
    (names,) = run(
        """
        import mxnet as mx
        import gluoncv
        from gluoncv.data.transforms.presets.segmentation import test_transform
        from gluoncv.utils.viz import get_color_pallete

        gluoncv.utils.download(
            "https://github.com/dmlc/web-data/blob/master/darknet/data/person.jpg?raw=true", "example.jpg"
        )
        picture = test_transform(mx.image.imread("example.jpg"), mx.cpu(0))
        model = gluoncv.model_zoo.get_model("deeplab_mobilenetv2_voc", pretrained=True)
        output = model.predict(picture)
        labels = mx.nd.squeeze(mx.nd.argmax(output, 1)).asnumpy()
        get_color_pallete(labels, "pascal_voc").save("output.png")
        classes = gluoncv.data.VOCSegmentation.CLASSES
        print(*sorted({classes[int(label)] for label in set(labels.ravel())}, key=str))
        """,
        tmp_path,
    )
    assert {"person", "horse", "background"} <= set(names.split())


def test_a_picture_that_nobody_here_has_is_one_sentence(tmp_path):
    lines = run(
        """
        from gluoncv import utils

        try:
            utils.download("https://host.invalid/street.jpg", path="street.jpg")
        except Exception as error:
            print(error)
        """,
        tmp_path,
    )
    assert "Put the file there yourself, as street.jpg" in lines[-1]


def test_a_file_that_is_there_is_not_asked_for(tmp_path):
    (tmp_path / "street.jpg").write_bytes(b"here")
    program = "from gluoncv import utils; print(utils.download('https://host.invalid/street.jpg', path='street.jpg'))"
    assert run(program, tmp_path) == ["street.jpg"]
