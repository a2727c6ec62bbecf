"""What is coded of a window, while it is trained: quantised parameters and embeddings, and their bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nvcodec.bitstream import NUM_STEPS, nearest_step_idx, step_size
from nvcodec.bitstream.headers import MAX_EMBEDDING_SYMBOL, MAX_WIDE_SYMBOL
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.errors import TrainingError
from nvcodec.training.rate import SectionRate

LEAST_DEVIATION = 1e-4
MAX_STEP_OCTAVES = 4.0
"""Farthest that the first steps are scaled, up or down."""

SCALING_OCTAVES = 1 / 64
"""How exactly they are scaled."""

MOST_SHIFT = 16
"""Farthest that fixed steps are shifted among those of the file."""


@dataclass(frozen=True)
class CodingCopy:
    """What a :class:`Coding` codes at some time.

    Attributes:
        step_idx: of the tensors, then of each chunk's embeddings.
        values: shared and own parameters and embeddings.
    """

    step_idx: tuple[int, ...]
    values: list[Tensor]


class Coding:
    """Steps, embeddings and symbols of a window whose training knows that it is going to be quantised.

    A symbol is a value divided by its step, and is rounded; gradients pass straight through. Bits are those of the
    symbols before rounding: between two integers they have a slope, on one they have two. Steps are learned until
    :meth:`fix_steps` was called; they are those of the file then, so that its integers are those of the training.

    Attributes:
        log_steps: (number of tensors,) log2 of the step of each tensor, of shared and own parameters alike.
        log_embedding_steps: (N,) log2 of the step of each chunk's embeddings.
        embeddings: N tensors (T, C, h, w), learned directly; none for functions of time.
        step_idx, embedding_step_idx: the file's steps, once they are fixed.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        mask: Tensor,
        shared: Tensor,
        own: Sequence[Tensor],
        thetas: Sequence[Tensor],
        embeddings: Sequence[Tensor],
        *,
        initial_step: float,
    ) -> None:
        """Begin to code.

        Args:
            spec: the network.
            mask: (S,) true where shared.
            shared: (S,) shared parameters, coded where the mask is true.
            own: N times (S,) own parameters, coded where the mask is false.
            thetas: N times (S,) the networks' parameters, which follow from those.
            embeddings: N times (T, C, h, w), or none.
            initial_step: steps in standard deviations of their tensor; a texture's tensors all have the same.
        """
        device = mask.device
        self._shared, self._own = shared, own
        self._sizes = [tensor.size for tensor in spec.layout]
        self.embeddings = [values.detach().clone().requires_grad_() for values in embeddings]
        by_tensor = torch.split(torch.stack(list(thetas)).detach(), self._sizes, dim=1)
        texture = [values for values, tensor in zip(by_tensor, spec.layout, strict=True) if tensor.is_texture]
        of_texture = _deviation(torch.cat(texture, dim=1)) if texture else None
        deviations = [
            of_texture if of_texture is not None and tensor.is_texture else _deviation(values)
            for values, tensor in zip(by_tensor, spec.layout, strict=True)
        ]
        self.log_steps = _log_steps(deviations, initial_step, device)
        features = [values.detach()[:, : spec.num_features] for values in self.embeddings]
        self.log_embedding_steps = _log_steps([_deviation(values) for values in features], initial_step, device)
        self.step_idx: tuple[int, ...] = ()
        self.embedding_step_idx: tuple[int, ...] = ()
        self._shared_places, self._own_places = (torch.nonzero(where).squeeze(1) for where in (mask, ~mask))
        own_counts = [int(part.sum()) for part in torch.split(~mask, self._sizes)]
        shared_counts = [size - count for size, count in zip(self._sizes, own_counts, strict=True)]
        self._shared_rate = SectionRate(shared_counts, device)
        self._own_rates = [SectionRate(own_counts, device) for _ in own]
        self._embedding_rates = [SectionRate(embedding_counts(e), device) for e in self.embeddings]
        self._counts_shared, self._counted_chunks = True, range(len(own))
        self.refit()

    @property
    def has_fixed_steps(self) -> bool:
        """The steps are the file's."""
        return bool(self.step_idx)

    def count_only(self, chunks: range, *, shared: bool) -> None:
        """From now on fit tables and count bits for these chunks alone, and for what is shared if so asked."""
        self._counts_shared, self._counted_chunks = shared, chunks

    def steps(self) -> list[Tensor]:
        """What the optimiser may change of the steps."""
        if self.has_fixed_steps:
            return []
        return [self.log_steps, self.log_embedding_steps] if self.embeddings else [self.log_steps]

    def scale_steps(self, bits: float, count: Callable[[], Tensor]) -> None:
        """Make all steps larger or smaller by one factor, so that everything rounded takes about so many bits.

        Args:
            bits: that it should take.
            count: how many it takes now, :meth:`rounded_bits` of all that is to be counted.
        """
        starts = [steps.detach().clone() for steps in self.steps()]
        least, most = -MAX_STEP_OCTAVES, MAX_STEP_OCTAVES
        while most - least > SCALING_OCTAVES:
            octaves = (least + most) / 2
            with torch.no_grad():
                for steps, start in zip(self.steps(), starts, strict=True):
                    steps.copy_(start + octaves)
            self.refit()
            if count().item() > bits:
                least = octaves
            else:
                most = octaves

    def fix_steps(self) -> None:
        """Take the nearest of the file's steps for good.

        Raises:
            TrainingError: a step is not a number, since the training diverged.
        """
        if self.has_fixed_steps:
            return
        logs = torch.cat([self.log_steps.detach(), self.log_embedding_steps.detach()]).cpu()
        if not bool(torch.isfinite(logs).all()):
            raise TrainingError("the training diverged: a step is not a number; try another seed")
        indices = [nearest_step_idx(step) for step in torch.exp2(logs).tolist()]
        self.take_steps(indices)
        self.refit()

    def take_steps(self, step_idx: Sequence[int]) -> None:
        """Take these of the file's steps for good: of each tensor, and behind them of each chunk's embeddings."""
        self.step_idx = tuple(step_idx[: len(self._sizes)])
        self.embedding_step_idx = tuple(step_idx[len(self._sizes) :])
        self._final_steps, self._final_embedding_steps = (
            torch.tensor([step_size(idx) for idx in some], device=self.log_steps.device)
            for some in (self.step_idx, self.embedding_step_idx)
        )

    def copy(self) -> CodingCopy:
        """What is coded now, once the steps are fixed, to come back to."""
        values = [values.detach().clone() for values in self._values()]
        return CodingCopy((*self.step_idx, *self.embedding_step_idx), values)

    def go_back(self, copy: CodingCopy) -> None:
        """Code again what was coded when the copy was made."""
        with torch.no_grad():
            for values, before in zip(self._values(), copy.values, strict=True):
                values.copy_(before)
        self.take_steps(copy.step_idx)

    def _values(self) -> list[Tensor]:
        return [self._shared, *self._own, *self.embeddings]

    def shift_steps(self, bits: float, count: Callable[[], float]) -> None:
        """Exchange all steps, which are fixed, for finer ones, or for coarser ones, so that about so many bits result.

        Each moves by as many places among the file's steps, and by one at least: trained values often lie just where
        they are rounded to 0, so that the bits jump with the first.

        Args:
            bits: that there should be.
            count: how many there are now.
        """
        start = (*self.step_idx, *self.embedding_step_idx)
        is_too_much = count() > bits
        nearest, miss = start, math.inf
        for shift in range(1, MOST_SHIFT + 1):
            shifted = tuple(min(max(idx + (shift if is_too_much else -shift), 0), NUM_STEPS - 1) for idx in start)
            self.take_steps(shifted)
            now = count()
            if abs(math.log(now / bits)) < miss:
                nearest, miss = shifted, abs(math.log(now / bits))
            if (now > bits) != is_too_much:
                break
        self.take_steps(nearest)
        self.refit()

    def parameter_steps(self) -> Tensor:
        """Step of each parameter, (S,)."""
        steps = self._final_steps if self.has_fixed_steps else torch.exp2(self.log_steps)
        # Not indexed by tensor: the gradient of that is a scattered sum, slow and on a GPU in no fixed order.
        return torch.cat([step.expand(size) for step, size in zip(steps.unbind(), self._sizes, strict=True)])

    def parameters(self, values: Tensor) -> Tensor:
        """Parameters (S,), shared or own, as a decoder would have them."""
        return _rounded(values, self.parameter_steps())

    def inputs(self, chunk_idx: int, frame_idx: Tensor) -> Tensor:
        """Embeddings (N, C, h, w) of some frames of a chunk as a decoder would have them."""
        return _rounded(self.embeddings[chunk_idx][frame_idx], self._embedding_step(chunk_idx))

    def bits(self) -> Tensor:
        """Bits of all that is coded, a scalar to differentiate; shared parameters count once."""
        return self._bits_of(lambda symbols: symbols)

    def rounded_bits(self) -> Tensor:
        """Bits of all that is coded if it were rounded now, a scalar without gradient."""
        with torch.no_grad():
            return self._bits_of(torch.round)

    def integers(self) -> tuple[npt.NDArray[np.int32], list[npt.NDArray[np.int32]], list[npt.NDArray[np.int32]]]:
        """Symbols of now, rounded: shared (K,), per chunk own (S - K,), per chunk embeddings (T, C, h, w).

        Raises:
            TrainingError: one is not a number, since the training diverged.
        """
        return self._integers(range(len(self._own)))

    def refit(self) -> None:
        """Fit the tables, by which bits are counted, to the symbols of now, and choose anew what shares a table."""
        shared, own, embeddings = self._integers(self._counted_chunks)
        coded = [in_coded_order(torch.from_numpy(symbols)).numpy() for symbols in embeddings]
        of_all = [shared] if self._counts_shared else []
        for section, symbols in zip(self._counted_sections(), [*of_all, *own, *coded], strict=True):
            section.fit(symbols)

    def _bits_of(self, as_coded: Callable[[Tensor], Tensor]) -> Tensor:
        """Bits of the symbols that are counted, each of which ``as_coded`` changes first."""
        shared, own, embeddings = self._symbols(self._counted_chunks)
        ordered = [in_coded_order(as_coded(symbols)) for symbols in embeddings]
        of_all = [shared] if self._counts_shared else []
        symbols_of_sections = [*(as_coded(symbols) for symbols in (*of_all, *own)), *ordered]
        sections = zip(self._counted_sections(), symbols_of_sections, strict=True)
        bits = [section.bits(symbols) for section, symbols in sections]
        # Of a process that counts nothing the bits are none, and have a gradient like others.
        return torch.stack(bits).sum() if bits else 0 * self.log_steps.sum()

    def _counted_sections(self) -> list[SectionRate]:
        sections = [self._shared_rate] if self._counts_shared else []
        sections += [self._own_rates[chunk_idx] for chunk_idx in self._counted_chunks]
        return sections + [self._embedding_rates[idx] for idx in self._counted_chunks if self.embeddings]

    def _integers(
        self, chunks: range
    ) -> tuple[npt.NDArray[np.int32], list[npt.NDArray[np.int32]], list[npt.NDArray[np.int32]]]:
        """What :meth:`integers` returns, of some chunks."""
        with torch.no_grad():
            shared, own, embeddings = self._symbols(chunks)
        return (
            _to_integers(shared, MAX_WIDE_SYMBOL),
            [_to_integers(symbols, MAX_WIDE_SYMBOL) for symbols in own],
            [_to_integers(symbols, MAX_EMBEDDING_SYMBOL) for symbols in embeddings],
        )

    def _symbols(self, chunks: range) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Symbols of some chunks before rounding: shared (K,), own (S - K,) each, embeddings (T, C, h, w) each."""
        steps = self.parameter_steps()
        shared = _taken(self._shared, self._shared_places) / _taken(steps, self._shared_places)
        own_steps = _taken(steps, self._own_places)
        own = [_taken(self._own[idx], self._own_places) / own_steps for idx in chunks]
        embeddings = [self.embeddings[idx] / self._embedding_step(idx) for idx in chunks if self.embeddings]
        return shared, own, embeddings

    def _embedding_step(self, chunk_idx: int) -> Tensor:
        if self.has_fixed_steps:
            return self._final_embedding_steps[chunk_idx]
        return torch.exp2(self.log_embedding_steps[chunk_idx])


def embedding_counts(embeddings: Tensor) -> list[int]:
    """Symbols of each group in which embeddings (T, C, h, w) are coded (spec clause "Embeddings")."""
    num_frames, channels, height, width = embeddings.shape
    return [channels * height * width] + [(num_frames - 1) * height * width] * channels


def in_coded_order(symbols: Tensor) -> Tensor:
    """Symbols (T, C, h, w) of embeddings as they are coded: the first frame, then each channel's differences."""
    differences = symbols[1:] - symbols[:-1]
    return torch.cat([symbols[0].flatten(), differences.transpose(0, 1).flatten()])


def _taken(values: Tensor, places: Tensor) -> Tensor:
    """What of ``values`` (S,) is at ``places`` (n,), in order; without a copy if that is everything."""
    return values if places.numel() == values.numel() else values.index_select(0, places)


class _Rounded(torch.autograd.Function):
    """Multiples of steps, with the gradient that they would have if nothing were rounded (straight-through)."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, values: Tensor, steps: Tensor) -> Tensor:
        symbols = values / steps
        rounded = torch.round(symbols)
        if ctx.needs_input_grad[1]:  # type: ignore[attr-defined]
            ctx.save_for_backward(rounded - symbols)
        return rounded.mul_(steps)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[Tensor, Tensor | None]:
        of_steps = None
        if ctx.needs_input_grad[1]:  # type: ignore[attr-defined]
            (excess,) = ctx.saved_tensors  # type: ignore[attr-defined]
            of_steps = gradients[0] * excess
        return gradients[0], of_steps


def _rounded(values: Tensor, steps: Tensor) -> Tensor:
    """The nearest multiples of ``steps``, as many or one for all, with the gradients that :class:`_Rounded` has."""
    result: Tensor = _Rounded.apply(values, steps.expand_as(values))  # type: ignore[no-untyped-call]
    return result


def _to_integers(symbols: Tensor, bound: int) -> npt.NDArray[np.int32]:
    """The nearest integers of a magnitude that the format has."""
    if not bool(torch.isfinite(symbols).all()):
        raise TrainingError("the training diverged: a value is not a number; try another seed")
    integers: npt.NDArray[np.int32] = torch.round(symbols).clamp(-bound, bound).to(torch.int32).cpu().numpy()
    return integers


def _log_steps(deviations: Sequence[Tensor], initial_step: float, device: torch.device) -> Tensor:
    steps = [torch.log2(initial_step * deviation) for deviation in deviations]
    return (torch.stack(steps) if steps else torch.empty(0, device=device)).requires_grad_()


def _deviation(values: Tensor) -> Tensor:
    """Standard deviation, but not much less than the values themselves, of which there may be one."""
    magnitude = torch.sqrt(torch.mean(values**2))
    return torch.std(values, correction=0).maximum(magnitude / 16).clamp(min=LEAST_DEVIATION)
