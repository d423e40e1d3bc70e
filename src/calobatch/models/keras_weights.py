"""Keras' initial weights, for models that were published in TensorFlow.

Glorot-uniform kernels and zero biases (Glorot & Bengio, AISTATS 2010, equation 16). PyTorch's own
start, with random biases, leaves narrow ReLU layers dead on crops that are nearly all zeros.
"""

import math

from torch import Tensor, nn


def start_as_keras(model: nn.Module) -> None:
    """Draw the weights of all dense and convolution layers of ``model`` anew, in place."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def glorot_uniform_(weight: Tensor, fan_in: int, fan_out: int) -> None:
    """Draw ``weight`` anew, in place, where Keras counts other fans than the weight's own shape."""
    bound = math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(weight, -bound, bound)
