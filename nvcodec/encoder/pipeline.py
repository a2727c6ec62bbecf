"""The encode, from source to file: windows, masks, training, integers, blocks, verification."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from nvcodec.bitstream import NvstReader, NvstWriter, StreamHeader, WrittenPart
from nvcodec.bitstream.front_index import add_front_index, write_without_indexes
from nvcodec.bitstream.parts import bytes_of_tracks
from nvcodec.decoder.device import describe_device, memory_errors_reported, prepare_device
from nvcodec.encoder.config import AUTOMATIC, EncoderConfig
from nvcodec.encoder.execution import choose_executor
from nvcodec.encoder.executors import Executor, ThisProcess
from nvcodec.encoder.following import NOTHING_TO_DO, say_preset
from nvcodec.encoder.memory import window_plan, windows_ahead
from nvcodec.encoder.metadata import file_metadata
from nvcodec.encoder.output import PartialFile, require_different_files, writing_reported
from nvcodec.encoder.progress import EncodeProgress, EncodeResult, Stage, WindowReport
from nvcodec.encoder.resume import (
    Leftover,
    another_source,
    begun_preset,
    damage_reported,
    find_leftover,
    require_same_window,
)
from nvcodec.encoder.targets import Targets
from nvcodec.encoder.time_budget import TimeBudget, suitable_preset
from nvcodec.encoder.time_left import TimeLeft
from nvcodec.encoder.verification import measure_window, report_window, require_written
from nvcodec.encoder.window_encoding import WindowFrames
from nvcodec.encoder.window_task import CodedWindow, WindowTask
from nvcodec.errors import ConfigError
from nvcodec.sharing.windows import Window
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.processes import ALONE, Processes
from nvcodec.video.sink import FrameSink, open_sink
from nvcodec.video.source import VideoSource, open_source
from nvcodec.video.tracks import Packet

ProgressCallback = Callable[[EncodeProgress], None]


def encode(
    source: str | Path | VideoSource,
    target: str | Path,
    config: EncoderConfig | None = None,
    *,
    progress: ProgressCallback | None = None,
    should_stop: Callable[[], bool] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    recon: str | Path | None = None,
    faststart: bool = False,
    workers: int | None = None,
    cluster: str | None = None,
    processes: Processes = ALONE,
) -> EncodeResult:
    """Encode a video into a .nvst file; audio, subtitles, chapters and text of the source are copied.

    Windows are encoded one after the other, or ``workers`` of them at once; memory is bounded by the window. Every
    window is brought to the disk in its turn and decoded again from the file. Until the file is closed it has ``.part``
    added to its name; if the encode fails or is broken off (``KeyboardInterrupt``) after whole windows, those are kept
    under the file's own name, as an unfinished file. A process that is killed leaves the ``.part``. Every few minutes
    the training state of each window at work is put beside it, in ``.part.<window>.state``. All this can be resumed:
    on the same device with as many threads, the file ends up with the bytes of an encode that nothing disturbed, if
    epochs decide. Windows are taken over as they are, also one whose training ``should_stop`` ended.

    Args:
        source: path of the video (see ``open_source``), or an opened source.
        target: path of the .nvst file.
        config: settings; None for the defaults.
        progress: told how far the encode is, after every iteration.
        should_stop: asked after every iteration; once true, training ends, the window at work is written and the file
            closed, valid but not complete.
        overwrite: replace an existing target, or what a killed encode left of it.
        resume: go on behind the whole windows of an existing target, or of what a killed encode left of it, and within
            windows whose training states are there. Whole windows are decoded, measured and told as
            ``Stage.TAKEN_OVER``. Where nothing is there the encode begins; with a complete target nothing is done.
        recon: also write the decoded frames to this video, those of windows taken over included; not if nothing is
            done. With ``resume`` an existing one is replaced.
        faststart: put a copy of the index in front, once the file is closed; if that fails the file is kept without it.
            A file to resume that has one gets one in any case.
        workers: processes that encode a window each at the same time, on a share of the cores, or on a GPU of its own.
            Each takes memory of its own; this one holds the frames of up to twice as many windows. The file has the
            bytes that one worker with as many threads comes to. A script that asks for several needs the guard of
            ``multiprocessing``, ``if __name__ == "__main__"``.
        cluster: address of a Ray cluster whose machines encode a window each instead, at most ``workers`` of them, with
            one thread unless the settings say more. A window whose machine is lost is encoded by another.
        processes: that train each window together, of which this is the first; the others call :func:`train_along`.

    Returns:
        What the file holds, with its measured quality.

    Raises:
        ConfigError: a setting is out of range, or is not the one that the file to resume was begun with.
        InputError: the source cannot be read, or is not the one that the file to resume was begun with.
        OutputError: the target exists, is being written by another encode, cannot be written, or cannot be resumed
            since it is damaged.
        DeviceError: the device is missing or its memory is too small.
    """
    if overwrite and resume:
        raise ConfigError(
            "cannot go together with overwrite (-y): one keeps what is there, the other does not", "resume"
        )
    config = config or EncoderConfig()
    config.validate()
    with ExitStack() as stack:
        executor, config = choose_executor(config, workers, cluster, processes)
        stack.enter_context(executor)
        # The machine that begins an encode on a cluster may be one without a GPU.
        device_name = "auto" if cluster is not None and config.device == "cuda" else config.device
        device = prepare_device(device_name, config.threads, deterministic=config.deterministic)
        video = source if isinstance(source, VideoSource) else stack.enter_context(open_source(source))
        require_different_files(video.name, target, recon)
        output = stack.enter_context(PartialFile(Path(target), overwrite=overwrite, resume=resume))
        budget = None
        if config.max_time_s is not None:
            budget = TimeBudget(config.max_time_s, video.about_frames, video.name)
            if config.preset == AUTOMATIC:
                begun = begun_preset(output) if resume else None
                plan = window_plan(config, video)
                at_once = executor.num_at_once
                suitable = begun or suitable_preset(config, video, plan, device, processes, at_once)
                config = replace(config, preset=suitable)
            say_preset(config, processes, device)
        header = StreamHeader(video.format, video.time_base, video.num_frames or 0)
        leftover = find_leftover(output, header, video.extras.tracks, config) if resume else None
        if leftover is not None and leftover.is_complete and leftover.path == output.path:
            if faststart and not leftover.has_front_index:
                add_front_index(output.path)
            processes.first_says(NOTHING_TO_DO, device)
            return _nothing_done(output.path, device)
        sink = None
        if recon is not None:
            rate = video.average_rate
            sink = open_sink(recon, video.format, video.time_base, rate, overwrite=overwrite or resume)
            stack.enter_context(sink)
        targets = Targets.of(config, video, _telling_of_survey(progress, video))
        session = _EncodeSession(
            video, header, output, config, targets, budget, device, executor, processes, sink, progress, should_stop
        )
        result = session.run(leftover)
        if sink is not None:
            sink.close()
        if faststart or (leftover is not None and leftover.has_front_index):
            add_front_index(output.path)
            file_bytes = output.path.stat().st_size
            growth = (file_bytes - result.track_bytes) / (result.file_bytes - result.track_bytes)
            result = replace(result, file_bytes=file_bytes, bpp=result.bpp * growth)
        return result


class _EncodeSession:
    """One running encode; what its stages pass on to each other."""

    def __init__(
        self,
        video: VideoSource,
        header: StreamHeader,
        output: PartialFile,
        config: EncoderConfig,
        targets: Targets,
        budget: TimeBudget | None,
        device: torch.device,
        executor: Executor,
        processes: Processes,
        sink: FrameSink | None,
        progress: ProgressCallback | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self._video = video
        self._header = header
        self._output = output
        self._config = config
        self._targets = targets
        self._budget = budget
        self._device = device
        # Frames that go to other processes begin where those can take them.
        self._frames_device = device if isinstance(executor, ThisProcess) else torch.device("cpu")
        self._executor = executor
        self._processes = processes
        self._sink = sink
        self._progress = progress or (lambda progress: None)
        self._wants_stop = should_stop or (lambda: False)
        self._start = time.monotonic()
        self._time_left = TimeLeft(config.resolved_preset().recipe, video.about_frames)
        self._reports: list[WindowReport] = []
        self._warnings: list[str] = []
        self._packets: dict[int, list[Packet]] = {}
        self._frames_coded = 0
        self._has_ended = False

    def run(self, leftover: Leftover | None) -> EncodeResult:
        """Take over what is left of an earlier encode, encode the windows behind it until the stop, close the file."""
        self._processes.first_says(0 if leftover is None else leftover.num_windows, self._device)
        with windows_ahead(self._config, self._video) as windows:
            writer = self._begin() if leftover is None else self._take_over(leftover, windows)
            is_complete = self._encode_windows(writer, windows)
        with writing_reported(self._output.path):
            writer.finish(is_complete=is_complete)
        self._output.keep()
        with NvstReader(self._output.path) as reader:
            sizes = reader.file_bytes, bytes_of_tracks(reader)
        seconds = time.monotonic() - self._start
        of_budget = [] if self._budget is None else self._budget.warnings()
        warnings = [*self._video.warnings, *self._warnings, *of_budget]
        video_format, device = self._header.format, describe_device(self._device)
        result = EncodeResult.of(self._reports, video_format, is_complete, *sizes, seconds, device, warnings)
        missed = self._targets.warnings(result.bpp, result.psnr_y) if is_complete else []
        return replace(result, warnings=(*result.warnings, *missed))

    def _begin(self) -> NvstWriter:
        self._output.begin()
        with writing_reported(self._output.path):
            writer = NvstWriter(self._output.file, self._header)
            extras = self._video.extras
            writer.write_metadata({**file_metadata(self._config), **extras.metadata})
            writer.write_tracks(extras.tracks, extras.chapters)
        return writer

    def _take_over(self, leftover: Leftover, windows: Iterator[Window]) -> NvstWriter:
        """Hold the windows that are there against the source, then make their file the output."""
        name = leftover.path.name
        with damage_reported(leftover.path), NvstReader(leftover.path) as reader:
            for window_idx, window in zip(range(leftover.num_windows), windows, strict=False):
                require_same_window(reader.windows[window_idx], window, name)
                with memory_errors_reported(f"window {window_idx}"):
                    chunks = [ChunkFrames.of(frames, self._video.format, self._device) for frames in window.chunks]
                    report = measure_window(reader, window_idx, chunks, self._device, self._sink)
                last_chunk = reader.windows[window_idx].chunks[-1]
                self._add(report, Stage.TAKEN_OVER, last_chunk.offset + last_chunk.box_bytes)
                # So that the next window's frames are not a third time in memory.
                del window, chunks
            if self._frames_coded != reader.num_frames:
                raise another_source(name, f"from frame {self._frames_coded} on")
            written = WrittenPart.of(reader)
            if leftover.has_front_index:
                # Windows are going to be appended, about which a copy of the index in front would lie.
                self._output.begin()
                with writing_reported(self._output.path):
                    write_without_indexes(reader, self._output.file)
        if leftover.has_front_index:
            self._output.sync()
            with NvstReader(self._output.partial_path) as copy:
                written = WrittenPart.of(copy)
            self._output.mark_whole(written.num_bytes)
        else:
            self._output.go_on_from(leftover.path, written.num_bytes)
        return NvstWriter(self._output.file, self._header, written)

    def _encode_windows(self, writer: NvstWriter, windows: Iterator[Window]) -> bool:
        """Encode windows until the stop, at least one where none is taken over.

        Returns:
            Whether all frames of the source are coded.
        """
        for task, coded in self._executor(self._tasks(windows), self):
            with memory_errors_reported(f"window {task.window_idx}"):
                self._write(writer, task, coded)
            # So that the next window's frames are not a third time in memory.
            del task, coded
        # Whether the last window was the last of the video is known only by asking for another.
        return self._has_ended or self._video.num_frames == self._frames_coded

    def _tasks(self, windows: Iterator[Window]) -> Iterator[WindowTask]:
        """The windows that are not coded yet; none any more after the stop."""
        first_frame = self._frames_coded
        for window_idx in itertools.count(len(self._reports)):
            if not self._processes.first_says(not (window_idx and self.should_stop()), self._device):
                return
            with memory_errors_reported(f"window {window_idx}"):
                window = next(windows, None)
                if window is None:
                    self._has_ended = True
                    return
                frames = WindowFrames.of(window, self._header.format, self._frames_device)
                self._packets[window_idx] = window.packets
            num_frames, budget_s = len(window.frames), None
            if self._budget is not None:
                budget_s = self._budget.window_seconds(num_frames, first_frame, self._executor.num_at_once)
            state = self._output.states.read(window_idx) if self._processes.count == 1 else None
            settings = self._targets.of_window(first_frame, num_frames)
            task = WindowTask(window_idx, first_frame, frames, self._header, self._config, settings, budget_s, state)
            first_frame += num_frames
            del window, frames, state
            yield task
            del task

    def _write(self, writer: NvstWriter, task: WindowTask, coded: CodedWindow) -> None:
        """Bring a window to the disk, read it again and measure it."""
        with writing_reported(self._output.path):
            packets = self._packets.pop(task.window_idx)
            writer.write_packets(packets)
            writer.write_window(coded.content, coded.chunks)
        self._output.sync()
        with NvstReader(self._output.partial_path, index=writer.index) as reader:
            require_written(reader, coded.content, coded.chunks, packets)
            chunks = task.frames.to(self._device).chunks
            report = measure_window(reader, task.window_idx, chunks, self._device, self._sink)
        self._output.mark_whole(writer.num_bytes)
        self._output.states.remove(task.window_idx)
        self._add(report, Stage.WRITTEN, writer.num_bytes)

    def _add(self, report: WindowReport, stage: Stage, num_bytes: int) -> None:
        """Count a window that stands in the file, which it ends at byte ``num_bytes``, and tell of it."""
        self._reports.append(report)
        self._frames_coded += report.num_frames
        if stage is Stage.WRITTEN:
            self._time_left.end_window()
        else:
            self._time_left.take_over(report.chunk_lengths)
        state = EncodeProgress(
            stage=stage,
            window_idx=report.window_idx,
            first_frame=report.first_frame,
            num_frames=report.num_frames,
            num_chunks=len(report.chunk_lengths),
            num_parameters=report.num_parameters,
            psnr=report.psnr_rgb or 0.0,
            bytes_written=num_bytes,
            frames_coded=self._frames_coded,
            frames_expected=self._video.num_frames,
        )
        self._progress(replace(state, seconds_left=self._seconds_left(state)))

    def told(self, state: EncodeProgress) -> None:
        """Tell of a window at work, and of the file."""
        if state.stage is Stage.PLAN:
            longer = state.num_frames % state.num_chunks
            lengths = [state.num_frames // state.num_chunks + (idx < longer) for idx in range(state.num_chunks)]
            self._time_left.begin_window(lengths, state.macs_per_frame)
        self._progress(
            replace(
                state,
                bytes_written=self._output.file.tell(),
                frames_coded=self._frames_coded,
                frames_expected=self._video.num_frames,
                seconds_left=self._seconds_left(state),
            )
        )

    def state_made(self, window_idx: int, state: bytes) -> None:
        """Keep the training state of a window; if the disk refuses it, the encode goes on all the same."""
        try:
            self._output.states.write(window_idx, state)
        except OSError as error:
            self.warned(f"the training state of window {window_idx} could not be kept: {error.strerror or error}")

    def warned(self, reason: str) -> None:
        """Keep a warning for the end, once."""
        if reason not in self._warnings:
            self._warnings.append(reason)

    def should_stop(self) -> bool:
        """Whether the user wants the encode to end."""
        return self._wants_stop()

    def _seconds_left(self, state: EncodeProgress) -> float:
        """What the rest of the video takes, where a window at work says what that takes."""
        if self._budget is not None:
            return self._budget.seconds_left
        expected, num_at_once = self._video.about_frames, self._executor.num_at_once
        if num_at_once == 1:
            return self._time_left.seconds(state.window_fraction, state.seconds_left)
        if expected is None or state.window_fraction >= 1:
            return state.seconds_left
        whole_window = state.seconds_left / (1 - state.window_fraction)
        later_frames = max(0, expected - state.first_frame - state.num_frames)
        return state.seconds_left + whole_window * later_frames / state.num_frames / num_at_once


def _telling_of_survey(progress: ProgressCallback | None, video: VideoSource) -> Callable[[int], None]:
    """What tells how many frames were read before the encode."""

    def tell(num_frames: int) -> None:
        if progress is not None:
            progress(EncodeProgress(Stage.SURVEY, 0, 0, num_frames, 0, 0, frames_expected=video.about_frames))

    return tell


def _nothing_done(path: Path, device: torch.device) -> EncodeResult:
    """The result for a file that is complete already."""
    with NvstReader(path) as reader:
        reports = [report_window(reader, window_idx) for window_idx in range(len(reader.windows))]
        sizes = reader.file_bytes, bytes_of_tracks(reader)
        return EncodeResult.of(reports, reader.header.format, True, *sizes, 0.0, describe_device(device), ())
