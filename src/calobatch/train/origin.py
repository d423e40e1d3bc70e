"""The origin of a run: what its record says of it that is known before the first step."""

import time
from dataclasses import dataclass

import torch

from calobatch.communicator.device import device_name
from calobatch.communicator.interface import Communicator
from calobatch.config.training import Training
from calobatch.models.build import parameter_count
from calobatch.provenance import Provenance, provenance
from calobatch.run.history import best_epoch
from calobatch.run.mark import Mark
from calobatch.run.name import RunName
from calobatch.run.training import Preparation, RunRecord, Throughput
from calobatch.store import Store
from calobatch.train.course import Course
from calobatch.training_code import training_code_sha256


@dataclass(frozen=True)
class Origin:
    """What a run is made from; ``identity`` is that of :mod:`calobatch.train.identity`."""

    name: RunName
    settings: Training
    identity: str
    start_sha256: str
    parameters: int
    device: str
    provenance: Provenance
    code_sha256: str

    @classmethod
    def now(
        cls,
        name: RunName,
        settings: Training,
        identity: str,
        start_sha256: str,
        model: torch.nn.Module,
        device: torch.device,
    ) -> "Origin":
        """Return the origin of a run whose training starts now.

        The code is read now, because the checkout may have changed by the time the training ends.
        """
        return cls(
            name=name,
            settings=settings,
            identity=identity,
            start_sha256=start_sha256,
            parameters=parameter_count(model),
            device=device_name(device),
            provenance=provenance(),
            code_sha256=training_code_sha256(settings.model),
        )

    def record(
        self,
        store: Store,
        course: Course,
        throughput: Throughput,
        mark: Mark,
        communicator: Communicator,
    ) -> RunRecord:
        """Return the record of the finished run; every rank calls this."""
        hosts = communicator.allgather(self.provenance.host)
        manifest = store.manifest
        return RunRecord(
            task=self.name.task,
            dataset=manifest.dataset,
            layout=store.layout,
            simulated=manifest.simulated,
            seed=self.name.seed,
            fold=self.name.fold,
            training=self.settings,
            identity=self.identity,
            dataset_sha256=manifest.events_sha256,
            source_sha256={source.file: source.sha256 for source in manifest.sources},
            parameters=self.parameters,
            ranks=communicator.size,
            device=self.device,
            hosts=tuple(sorted(set(hosts))),
            started=course.started,
            finished=time.time(),
            epochs_run=len(course.history),
            best_epoch=best_epoch(course.history).epoch,
            resumed_after_epoch=course.resumed_after,
            resumed_at_step=course.resumed_at,
            events_per_second=course.typical_speed(),
            throughput=throughput,
            provenance=self.provenance,
            mark=mark,
            start_sha256=self.start_sha256,
            code_sha256=self.code_sha256,
            preparation=Preparation(zero_below=manifest.zero_below, scalars=manifest.scalars),
        )
