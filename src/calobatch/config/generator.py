"""Which collisions the simulation of jets generates, and which of their jets it keeps.

The defaults are those of the public jets (arXiv:1902.08276); config/energyflow.yaml has others.
"""

from typing import Annotated

from pydantic import Field, model_validator

from calobatch.config.section import Number, Section, unit

Process = Annotated[str, Field(pattern=r"^\w+:\w+$")]
GEV = unit("GeV")


class Processes(Section):
    """Hard processes of Pythia, by the class of the jets that they give.

    All quarks and gluons that leave a process must be of its class (u, d or s quarks, or gluons);
    collisions with others are left out. Otherwise the label of a jet would depend on the quark or
    gluon to which it is matched.
    """

    gluon: tuple[Process, ...] = Field(
        ("HardQCD:gg2gg", "HardQCD:qqbar2gg"),
        min_length=1,
        description="Pythia's names of the processes that give gluon jets",
    )
    quark: tuple[Process, ...] = Field(
        ("HardQCD:gg2qqbar", "HardQCD:qq2qq", "HardQCD:qqbar2qqbarNew"),
        min_length=1,
        description="Pythia's names of the processes that give quark jets",
    )


class Generator(Section):
    """The collisions of simulated jets, the jets that are kept, and whether there is a detector."""

    energy: Number = Field(
        8000.0,
        gt=0,
        description="energy of the two protons together",
        json_schema_extra=GEV,
    )
    processes: Processes = Field(Processes(), description="hard processes of each class")
    pt_hat_min: Number = Field(
        80.0,
        gt=0,
        description="lowest transverse momentum of the hard process",
        json_schema_extra=GEV,
    )
    pt_hat_max: Number = Field(
        170.0,
        gt=0,
        description="highest transverse momentum of the hard process",
        json_schema_extra=GEV,
    )
    pythia: tuple[str, ...] = Field(
        (), description="further settings of Pythia, such as `23:onMode = off`"
    )
    radius: Number = Field(
        0.5, gt=0, le=1, description="radius of the jets (anti-kT)", json_schema_extra=unit("rad")
    )
    pt_min: Number = Field(
        70.0,
        gt=0,
        description="lowest transverse momentum of a jet",
        json_schema_extra=GEV,
    )
    pt_max: Number | None = Field(
        None,
        description="highest transverse momentum of a jet; default: any",
        json_schema_extra=GEV,
    )
    eta_max: Number = Field(1.4, gt=0, le=3, description="largest absolute pseudorapidity of a jet")
    detector: bool = Field(
        True,
        description="whether the particles pass a simplified CMS detector; without it, each gives "
        "exactly its momentum to the tracks (charged particles), the ECAL (photons, electrons) "
        "or the HCAL (hadrons)",
    )

    @model_validator(mode="after")
    def _ranges_overlap(self) -> "Generator":
        if self.pt_hat_min >= self.pt_hat_max:
            raise ValueError(
                f"pt_hat_min is {self.pt_hat_min:g}, but pt_hat_max is {self.pt_hat_max:g}; lower "
                "pt_hat_min, or raise pt_hat_max"
            )
        if self.pt_max is not None and self.pt_min >= self.pt_max:
            raise ValueError(
                f"pt_min is {self.pt_min:g}, but pt_max is {self.pt_max:g}; lower pt_min, or "
                "raise pt_max"
            )
        if self.pt_hat_max >= self.energy / 2:
            raise ValueError(
                f"pt_hat_max is {self.pt_hat_max:g}, but each proton has only {self.energy / 2:g}; "
                "lower pt_hat_max, or raise energy"
            )
        if self.pt_hat_max <= self.pt_min:
            raise ValueError(
                f"pt_min is {self.pt_min:g}, but pt_hat_max is {self.pt_hat_max:g}: hardly any jet "
                "would be kept; lower pt_min, or raise pt_hat_max"
            )
        if self.pt_max is not None and self.pt_max <= self.pt_hat_min:
            raise ValueError(
                f"pt_max is {self.pt_max:g}, but pt_hat_min is {self.pt_hat_min:g}: hardly any jet "
                "would be kept; raise pt_max, or lower pt_hat_min"
            )
        return self
