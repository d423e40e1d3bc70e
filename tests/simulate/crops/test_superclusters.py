import numpy as np

from calobatch.simulate.crops import superclusters

CENTRAL = np.zeros(1)


def image(**strips: float) -> np.ndarray:
    empty = np.zeros((1, 32, 32), dtype=np.float32)
    for name, energy in strips.items():
        _, row, column = name.split("_")
        empty[0, int(row), int(column)] = energy
    return empty


def test_a_cluster_goes_downhill_and_stops_at_the_threshold() -> None:
    domino = np.zeros((1, 12), dtype=np.float32)
    domino[0, 2:10] = [0.05, 0.2, 3.0, 20.0, 2.0, 0.3, 0.12, 0.09]
    taken, peak = superclusters.downhill_from_peaks(domino)
    assert np.flatnonzero(taken[0]).tolist() == [3, 4, 5, 6, 7, 8]
    assert np.flatnonzero(peak[0]).tolist() == [5]


def test_a_second_peak_along_phi_joins_and_a_weak_bump_does_not() -> None:
    domino = np.zeros((1, 16), dtype=np.float32)
    domino[0, 2:13] = [0.2, 0.15, 2.0, 30.0, 1.0, 0.2, 1.5, 0.3, 0.0, 0.3, 0.0]
    taken, peak = superclusters.downhill_from_peaks(domino)
    assert np.flatnonzero(peak[0]).tolist() == [5, 8]
    assert np.flatnonzero(taken[0]).tolist() == [3, 4, 5, 6, 7, 8, 9]


def test_weak_hits_are_kept_inside_clusters_only() -> None:
    energy = image(at_16_16=30.0, at_15_17=0.01, at_28_28=0.01, at_28_3=0.2)
    kept = superclusters.kept(energy, CENTRAL)[0]
    assert kept[15, 17]
    assert not kept[28, 28]
    assert kept[28, 3]


def test_neighbours_of_clusters_need_less_energy() -> None:
    kept = superclusters.kept(image(at_16_16=30.0, at_19_16=0.085, at_24_16=0.085), CENTRAL)[0]
    assert kept[19, 16]
    assert not kept[24, 16]


def test_five_by_five_crystals_round_a_cluster_at_the_edge_stay_in_the_image() -> None:
    kept = superclusters.kept(image(at_16_16=30.0, at_0_0=5.0), CENTRAL)[0]
    assert kept[14:19, 14:19].all()
    assert not kept[27:, 27:].any()


def test_a_strong_crystal_far_in_eta_seeds_its_own_cluster() -> None:
    kept = superclusters.kept(image(at_16_16=30.0, at_25_8=5.0), CENTRAL)[0]
    assert kept[23:28, 6:11].all()
