"""Gradient-boosted decision trees on shapes of the image: what a network must beat.

The trees are those of scikit-learn's HistGradientBoostingClassifier, after LightGBM (Ke et al.,
NeurIPS 2017). They are not trained by gradients of a batch: :mod:`calobatch.train.fit_trees` grows
them and writes them into this model, which computes the same probabilities from an image.
"""

from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.models.decision_trees import DecisionTrees
from calobatch.models.shapes import Shapes


class Model(nn.Module):
    """Shapes of the image beside the scalars of the event, and trees that add up to a logit.

    ``trees`` is their number after the last epoch, for each class if there are more than two. Each
    has at most ``leaves`` leaves and a depth of at most ``depth``. The other options say how a tree
    grows: the fewest events of a leaf, the L2 penalty on the values of leaves, and the share of
    the features, drawn anew for each split, that the split can choose from.
    """

    # Says that `calobatch train` grows the trees of this model, in place of following gradients.
    grows_trees: ClassVar = True

    prior_K: Tensor

    def __init__(
        self,
        layout: Layout,
        trees: int = 300,
        leaves: int = 12,
        depth: int = 6,
        fewest_events: int = 20,
        l2: float = 0.0,
        share_of_features: float = 0.3,
    ) -> None:
        super().__init__()
        if trees < 1 or leaves < 2 or depth < 1:
            raise UserError(
                f"model boosted_trees: trees is {trees}, leaves {leaves} and depth {depth}; set "
                "trees and depth to 1 or more, and leaves to 2 or more"
            )
        self.inputs = ("image", "scalars") if layout.scalars else ("image",)
        self.shapes = Shapes([channel.signed for channel in layout.channels])
        # Of two classes, one logit is enough: the other one is 0.
        self.logits = 1 if len(layout.classes) == 2 else len(layout.classes)
        self.number = trees
        self.trees = DecisionTrees(trees * self.logits, leaves, depth)
        self.register_buffer("prior_K", torch.zeros(self.logits))
        # In scikit-learn's words.
        self.growth = {
            "max_leaf_nodes": leaves,
            "max_depth": depth,
            "min_samples_leaf": fewest_events,
            "l2_regularization": l2,
            "max_features": share_of_features,
        }

    def features(self, image_BCHW: Tensor, scalars_BS: Tensor | None = None) -> Tensor:
        """Return what the trees see of each event, as float32 of shape (B, F)."""
        shapes_BF: Tensor = self.shapes(image_BCHW)
        return shapes_BF if scalars_BS is None else torch.cat([shapes_BF, scalars_BS], dim=1)

    def logits_of(self, feature_BF: Tensor) -> Tensor:
        """Return the logits (B, K) of events, given their features."""
        value_BT = self.trees(feature_BF)
        logits_BK: Tensor = self.prior_K + value_BT.view(-1, self.number, self.logits).sum(1)
        if self.logits == 1:
            return torch.cat([torch.zeros_like(logits_BK), logits_BK], dim=1)
        return logits_BK

    def forward(self, image_BCHW: Tensor, scalars_BS: Tensor | None = None) -> Tensor:
        """Return logits (B, K)."""
        return self.logits_of(self.features(image_BCHW, scalars_BS))

    def take(self, fitted: Any) -> None:
        """Take over all trees of a fitted HistGradientBoostingClassifier."""
        # scikit-learn has no public name for its trees. A test compares the probabilities.
        self.prior_K.copy_(torch.from_numpy(fitted._baseline_prediction.ravel()))
        for number, predictor in enumerate(chain.from_iterable(fitted._predictors)):
            self.trees.take(number, predictor.nodes)
