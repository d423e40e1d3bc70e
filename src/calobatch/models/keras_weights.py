"""Set the initial weights of Keras, for models that were published in TensorFlow.

Keras draws kernels from the Glorot-uniform distribution (Glorot & Bengio, AISTATS 2010, equation
16) and sets biases to zero. PyTorch draws the biases too. On crops, whose pixels are nearly all
zero, a negative bias can switch a ReLU off for every event, and narrow layers do not learn.
"""

import math

from torch import Tensor, nn


def start_as_keras(model: nn.Module) -> None:
    """Replace the weights of all dense and convolution layers of ``model`` in place."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def glorot_uniform_(weight: Tensor, fan_in: int, fan_out: int) -> None:
    """Replace ``weight`` in place, for a layer whose fans in Keras do not follow from its shape."""
    bound = math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(weight, -bound, bound)
