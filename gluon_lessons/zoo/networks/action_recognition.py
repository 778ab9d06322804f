"""GluonCV's action classifiers, whose own functions always fetch weights for the base first."""

from gluoncv.model_zoo.action_recognition.actionrec_inceptionv3 import ActionRecInceptionV3
from gluoncv.model_zoo.action_recognition.actionrec_vgg16 import ActionRecVGG16

_NETWORKS = {"vgg16_ucf101": ActionRecVGG16, "inceptionv3_ucf101": ActionRecInceptionV3}


def build(classes, network):
    return _NETWORKS[network](nclass=len(classes), pretrained_base=False)
