"""The compatibility layer, each case in a fresh process, as learners meet it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import psutil
import pytest

SITE_PACKAGES = str(Path(np.__file__).parent.parent)
PROJECT = str(Path(__file__).parent.parent)
HIDDEN = (
    "PYTHONWARNINGS",
    "OMP_NUM_THREADS",
    "MXNET_SUBGRAPH_VERBOSE",
    "MXNET_CPU_PARALLEL_SIZE",
    "MXNET_OMP_MAX_THREADS",
)

on_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux shows threads and their processors")


def fresh(code, *options, **environment):
    """Run the code in a Python of its own with its usual filters; return what it printed, and what it said aside."""
    kept = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_both_import_bare_and_in_silence():
    code = "import mxnet, gluoncv, os; assert os.environ['MXNET_SUBGRAPH_VERBOSE'] == '0'"
    assert fresh(code) == ("", "")


@on_linux
def test_as_many_threads_compute_as_there_are_cores_unless_somebody_has_chosen():
    code = "import os, mxnet; print(os.environ.get('MXNET_OMP_MAX_THREADS'))"
    cores = min(len(psutil.Process().cpu_affinity()), psutil.cpu_count(logical=False) or os.cpu_count())
    assert fresh(code) == (f"{cores}\n", "")
    assert fresh(code, OMP_NUM_THREADS="1") == ("None\n", "")


@on_linux
def test_a_large_copy_leaves_no_threads_behind():
    """They would slow down everything that follows."""
    code = """
        import os
        import mxnet as mx, numpy as np
        mx.nd.array(np.zeros(1000)).wait_to_read()
        before = len(os.listdir("/proc/self/task"))
        mx.nd.array(np.zeros(10_000_000, "float32")).wait_to_read()
        print(len(os.listdir("/proc/self/task")) - before)
    """
    assert fresh(code, OMP_NUM_THREADS="2") == ("0\n", "")


def test_mxnet_is_imported_without_what_it_hardly_uses_and_that_still_works():
    code = """
        import sys
        import gluoncv, mxnet as mx
        assert not {"sklearn", "scipy.stats"} & set(sys.modules)
        assert issubclass(mx.model.FeedForward, object)
        assert mx.test_utils.ss.norm.ppf(0.5) == 0
        assert mx.contrib.quantization.stats is not None  # else entropy calibration is refused
        from sklearn.base import BaseEstimator
    """
    assert fresh(code) == ("", "")


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, gluon_lessons; print([name for name in ('mxnet', 'numpy', 'gluoncv') if name in sys.modules])"
    assert fresh(code) == ("[]\n", "")


def test_numpy_matplotlib_and_scipy_get_along_with_it():
    code = """
        import matplotlib
        matplotlib.use("agg")
        import matplotlib.pyplot as plt
        import mxnet as mx
        import numpy as np
        import scipy.sparse

        array = mx.nd.arange(6).reshape((2, 3))
        assert np.asarray(array).tolist() == [[0, 1, 2], [3, 4, 5]]
        assert np.asarray(array).dtype == np.float32
        assert np.asarray(array, dtype="uint8").dtype == np.uint8
        assert plt.imshow(array).get_array().shape == (2, 3)
        assert isinstance(np.float32(2) * array, mx.nd.NDArray)
        matrix = scipy.sparse.csr_matrix([[0.0, 2.0]])
        assert mx.nd.sparse.csr_matrix(matrix).asnumpy().tolist() == [[0, 2]]
        assert mx.nd.sparse.array(matrix.astype("float32")).stype == "csr"
        assert (np.bool, np.int, np.float, np.complex, np.object, np.str) == (bool, int, float, complex, object, str)
    """
    assert fresh(code, "-W", "error:Please import:DeprecationWarning") == ("", "")


def test_an_import_that_failed_before_works_once_the_layer_is_on():
    """`-S` leaves out the installed line that switches the layer on, as a kernel of another environment would."""
    code = f"""
        import sys
        sys.path[:0] = [{PROJECT!r}, {SITE_PACKAGES!r}]
        try:
            import mxnet
        except (AttributeError, ModuleNotFoundError) as error:
            print(type(error).__name__)
        import gluon_lessons
        import gluoncv
        import mxnet as mx
        print(mx.util.is_np_array(), mx.nd.ones(2).asnumpy().tolist())
    """
    printed, _ = fresh(code, "-S")
    failure, answer = printed.splitlines()
    assert failure in ("AttributeError", "ModuleNotFoundError")
    assert answer == "False [1.0, 1.0]"


def test_data_loader_workers_have_it(tmp_path):
    (tmp_path / "program.py").write_text(
        textwrap.dedent("""
            import multiprocessing

            import mxnet as mx
            import numpy as np

            class Squares(mx.gluon.data.Dataset):
                def __len__(self):
                    return 4

                def __getitem__(self, index):
                    return np.asarray(mx.nd.array([index])).astype(np.float) ** 2

            def in_a_spawned_process(_):
                import mxnet as mx

                return np.asarray(mx.nd.ones(2)).shape

            if __name__ == "__main__":
                loader = mx.gluon.data.DataLoader(Squares(), batch_size=2, num_workers=1)
                print([batch.asnumpy().ravel().tolist() for batch in loader])
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.map(in_a_spawned_process, [0]))
        """)
    )
    done = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["[[0.0, 1.0], [4.0, 9.0]]", "[(2,)]"]
    assert done.stderr == ""


def test_gluoncv_imports_beside_pytorch_2(tmp_path):
    (tmp_path / "torch.py").write_text("__version__ = '2.13.0'\n")
    code = "import gluoncv; print(gluoncv.model_zoo.get_model('mobilenet0.25').__class__.__name__)"
    assert fresh(code, PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}") == ("MobileNet\n", "")


def test_it_needs_no_distutils():
    """Python 3.12 has none; where this Python has one, it is hidden."""
    code = """
        import sys
        from importlib.machinery import PathFinder

        class WithoutDistutils(PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                hidden = name.partition(".")[0] in ("distutils", "setuptools")
                return None if hidden else super().find_spec(name, path, target)

        sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutDistutils
        import gluoncv, mxnet
        from distutils.version import LooseVersion, StrictVersion

        gluoncv.utils.version.check_version("0.9.0")
        assert LooseVersion("1.9.1") < LooseVersion("1.10") < "2.0.0b1" < LooseVersion("2.0.1")
        assert LooseVersion("1.26.4") >= "1.17" and StrictVersion("1.4") == "1.4"
    """
    assert fresh(code) == ("", "")


def test_networks_are_built_and_read_in_silence():
    code = """
        import mxnet as mx
        from gluoncv import model_zoo

        network = model_zoo.get_model("psp_resnet50_ade", pretrained_base=False)
        network.initialize()

        data = mx.sym.var("data")
        mx.gluon.SymbolBlock(mx.sym.relu(data), data)
        mx.sym.relu(data).optimize_for("MKLDNN")
    """
    assert fresh(code) == ("", "")


def test_what_a_person_does_or_asks_for_is_not_hushed():
    code = """
        import os
        import mxnet as mx

        assert os.environ["MXNET_SUBGRAPH_VERBOSE"] == "2"

        layer = mx.gluon.nn.Dense(2, in_units=3)
        layer.initialize()
        layer.initialize()
    """
    printed, aside = fresh(code, MXNET_SUBGRAPH_VERBOSE="2")
    assert printed == ""
    assert "Parameter 'dense0_weight' is already initialized" in aside


def test_reloading_keeps_what_is_loaded():
    code = """
        import importlib
        import mxnet as mx

        kept = mx.nd.NDArray
        assert importlib.reload(mx).nd.NDArray is kept
    """
    assert fresh(code) == ("", "")


def test_device_is_the_cpu_where_mxnet_sees_no_gpu(monkeypatch):
    import mxnet as mx

    import gluon_lessons

    monkeypatch.setattr(mx.context, "num_gpus", lambda: 0)
    assert gluon_lessons.device() == mx.cpu()
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    assert gluon_lessons.device() == mx.gpu(0)
