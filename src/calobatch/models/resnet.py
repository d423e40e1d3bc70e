"""ResNet-15: a residual network of 15 convolutions, small enough for detector images.

The form is that of He et al., arXiv:1512.03385, section 4.2: a first convolution and three stages
of the same number of blocks, of which the second and the third stage halve the image and double the
number of features. Two convolutions of the 15 fit the shortcuts of these stages. Networks of this
name and depth are those of the CMS end-to-end papers: Andrews et al., arXiv:1807.11916 (electrons
and photons) and arXiv:1902.08276 (quarks and gluons).
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from calobatch.config.explain import closest_to
from calobatch.errors import UserError
from calobatch.layouts import Layout


class Block(nn.Module):
    """Two convolutions whose result is added to the input of the first.

    With a ``stride`` of 2 the image has half the rows and columns afterwards. Where the shape
    changes, the input passes through a convolution of one pixel before it is added.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _convolution(before, after, kernel=3, stride=stride),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            _convolution(after, after, kernel=3),
            nn.BatchNorm2d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if before != after or stride != 1:
            self.shortcut = nn.Sequential(
                _convolution(before, after, kernel=1, stride=stride), nn.BatchNorm2d(after)
            )

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return the image with the features of this block."""
        return functional.relu(self.shortcut(image_BCHW) + self.residual(image_BCHW))


class Model(nn.Module):
    """A convolution, residual blocks, the mean over all pixels, and a dense layer.

    ``channels`` names the channels of the image that are used; by default all. ``widths`` are the
    numbers of features of the stages. ``kernel`` and ``stride`` are those of the first convolution:
    a stride above 1 saves time on large images.
    """

    inputs: ClassVar = ("image",)

    def __init__(
        self,
        layout: Layout,
        channels: Sequence[str] = (),
        widths: Sequence[int] = (16, 32, 64),
        blocks: int = 2,
        kernel: int = 3,
        stride: int = 1,
    ) -> None:
        super().__init__()
        known = [channel.name for channel in layout.channels]
        for name in channels:
            if name not in known:
                raise UserError(
                    f"model_options.channels: layout {layout.name} has no channel {name!r}"
                    f"{closest_to(name, known)}"
                )
        self.used = [known.index(name) for name in channels] or list(range(len(known)))
        before = widths[0]
        layers = [
            _convolution(len(self.used), before, kernel, stride),
            nn.BatchNorm2d(before),
            nn.ReLU(),
        ]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Block(before, width, stride=2 if stage > 0 and block == 0 else 1))
                before = width
        self.features = nn.Sequential(*layers)
        self.classes = nn.Linear(before, len(layout.classes))

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, K)."""
        features_BCHW = self.features(image_BCHW[:, self.used])
        # Not AdaptiveAvgPool2d, whose gradients on a GPU differ from run to run.
        logits_BK: Tensor = self.classes(features_BCHW.mean(dim=(2, 3)))
        return logits_BK


def _convolution(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    # A bias would have no effect before the normalisation.
    return nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
