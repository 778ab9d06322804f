"""Where MXNet computes on this machine."""


def device():
    """The context to compute on: a GPU when MXNet sees one, else the CPU."""
    import mxnet as mx

    return mx.gpu() if mx.context.num_gpus() else mx.cpu()
