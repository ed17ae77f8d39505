"""The choice of who runs the tasks of a batch: this process, others beside it, or a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from imgnet.batch.task import Outcome, Task
from imgnet.errors import UsageError
from imgnet.progress import Progress
from imgnet.signals import EndRequest, receiving

GOING_TO_END = b"imgnet: writing the best so far; a second signal quits at once\n"


@dataclass(frozen=True)
class Engine:
    """Who runs the tasks, and what a signal means to them.

    Attributes:
        name: "local" or "ray".
        jobs: Tasks at the same time; 0 for one a core, None for what is usual.
        address: Of the Ray cluster.
        ship_bytes: Send files to the cluster instead of paths.
        keep_partial: End fits early on a first signal, and keep what they have.
    """

    name: str
    jobs: int | None
    address: str
    ship_bytes: bool
    keep_partial: bool

    @property
    def keeps_order(self) -> bool:
        """Whether results come in the order of the inputs."""
        return self.name == "local"

    def check(self) -> None:
        """Refuse what does not go together or is not installed.

        Raises:
            UsageError: It is so.
        """
        if self.name == "local":
            if self.ship_bytes or self.address != "auto":
                raise UsageError("--address and --ship-bytes are for a cluster; add --engine ray")
            return
        from imgnet.batch.cluster import check_installed

        if self.keep_partial:
            raise UsageError("--keep-partial does not reach a cluster; leave out --engine ray")
        check_installed()

    @contextmanager
    def request(self) -> Iterator[EndRequest]:
        """Note signals as a request to end, where something can be made of it."""
        if self.keep_partial:
            # By its number: this runs in the middle of anything, also of a print.
            request = EndRequest(lambda: os.write(2, GOING_TO_END))
        else:
            request = EndRequest()
        if not (self.keep_partial or self.name == "ray"):
            yield request
            return
        with receiving(request.receive):
            yield request

    def run(
        self,
        tasks: Sequence[Task],
        on_progress: Callable[[int, Progress], None],
        request: EndRequest,
    ) -> Iterator[tuple[int, Outcome]]:
        """Run tasks.

        Yields:
            The place of each task and its outcome, as they are done.

        Raises:
            UsageError: There is no such cluster.
        """
        if not tasks:
            return iter(())
        if self.name == "ray":
            from imgnet.batch.cluster import encode_on_cluster

            return encode_on_cluster(
                tasks, self.address, request, most=self.jobs, ship_bytes=self.ship_bytes
            )
        from imgnet.batch.processes import encode_here, encode_in_processes

        num_workers = 1 if self.jobs is None else self.jobs or os.cpu_count() or 1
        if min(num_workers, len(tasks)) == 1:
            return encode_here(tasks, on_progress, request)
        return encode_in_processes(
            tasks, num_workers, on_progress, request, graceful=self.keep_partial
        )
