"""torchvision's segmentation networks: GluonCV's FCN and DeepLabV3 on the plain ResNet-50 that they use.

The weights fit exactly, and the scores are enlarged to the picture by torchvision's rule for the corners.
"""

import contextlib
import io

from gluoncv.model_zoo import FCN, DeepLabV3
from gluoncv.model_zoo.resnetv1b import resnet50_v1b

_NETWORKS = {"fcn_resnet50_v1b_voc": FCN, "deeplab_resnet50_v1b_voc": DeepLabV3}
_BASE = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")


def build(classes, network):
    """Make GluonCV's network with `resnet50_v1b` in place of its own base, which has another first layer."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its settings
        net = _NETWORKS[network](len(classes), backbone="resnet50", aux=True, pretrained_base=False)
    base = resnet50_v1b(pretrained=False, dilated=True)
    for name in _BASE:
        delattr(net, name)  # Gluon lets no attribute change its class
        setattr(net, name, getattr(base, name))
    net._up_kwargs["align_corners"] = False
    return net
