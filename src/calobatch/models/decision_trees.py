"""Decision trees as tensors of fixed shape: they are saved, loaded and exported like any layer.

Each tree has the same number of positions, first those of its splits and then those of its leaves.
A split sends an event on by comparing one feature with a threshold. A leaf sends it to itself, so
all events can make the same number of steps, however deep their leaves are.

Tensor names: B events, F features, T trees, P positions of a tree, L leaves of a tree.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class DecisionTrees(nn.Module):
    """``trees`` trees with at most ``leaves`` leaves each, at most ``depth`` splits above a leaf.

    The values of the leaves are the parameters. A new tree has the value 0 for every event.
    """

    feature_TP: Tensor
    threshold_TP: Tensor
    next_TP2: Tensor

    def __init__(self, trees: int, leaves: int, depth: int) -> None:
        super().__init__()
        self.depth, self.splits = depth, leaves - 1
        positions = self.splits + leaves
        self.value_TL = nn.Parameter(torch.zeros(trees, leaves))
        self.register_buffer("feature_TP", torch.zeros(trees, positions, dtype=torch.int64))
        self.register_buffer("threshold_TP", torch.zeros(trees, positions))
        # Where an event goes from each position: first if its feature is not above the threshold,
        # then if it is. The splits of a new tree lead to its first leaf.
        following_P = torch.arange(positions).clamp_min(self.splits)
        self.register_buffer("next_TP2", following_P[None, :, None].repeat(trees, 1, 2))

    def forward(self, feature_BF: Tensor) -> Tensor:
        """Return the value (B, T) of the leaf that each event reaches in each tree."""
        trees, positions = self.feature_TP.shape
        tree_T = torch.arange(trees, device=feature_BF.device)
        # Not len(feature_BF), which would fix the batch size in an exported graph.
        at_BT = torch.zeros_like(tree_T).expand(feature_BF.shape[0], trees)
        # Tables of all trees one below the other, so that one index finds a position of a tree.
        first_T = tree_T * positions
        feature, threshold = self.feature_TP.flatten(), self.threshold_TP.flatten()
        following = self.next_TP2.flatten()
        for _ in range(self.depth):
            here_BT = at_BT + first_T
            above_BT = feature_BF.gather(1, feature[here_BT]) > threshold[here_BT]
            at_BT = following[2 * here_BT + above_BT.long()]
        leaf_BT = at_BT - self.splits + tree_T * (self.splits + 1)
        value_BT: Tensor = self.value_TL.flatten()[leaf_BT]
        return value_BT

    def take(self, tree: int, nodes: NDArray[Any]) -> None:
        """Make tree number ``tree`` that of scikit-learn, whose ``nodes`` are an array of records.

        Thresholds are rounded down to float32: a feature in float32 is above the result if and only
        if it is above the threshold itself.
        """
        is_leaf = nodes["is_leaf"].astype(bool)
        # Splits and leaves are numbered in their order in `nodes`, whose first record is the root.
        position = np.where(is_leaf, self.splits + np.cumsum(is_leaf) - 1, np.cumsum(~is_leaf) - 1)
        splits, leaves = nodes[~is_leaf], nodes[is_leaf]
        threshold = splits["num_threshold"].astype(np.float32)
        too_high = threshold > splits["num_threshold"]
        threshold[too_high] = np.nextafter(threshold[too_high], np.float32(-np.inf))
        following = np.stack([position[splits["left"]], position[splits["right"]]], axis=1)
        with torch.no_grad():
            self.value_TL[tree, : len(leaves)] = torch.from_numpy(leaves["value"].copy())
        self.feature_TP[tree, : len(splits)] = torch.from_numpy(splits["feature_idx"].astype(int))
        self.threshold_TP[tree, : len(splits)] = torch.from_numpy(threshold)
        self.next_TP2[tree, : len(splits)] = torch.from_numpy(following)
