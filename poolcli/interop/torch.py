"""Tensors of PyTorch, in main memory."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from poolcli.errors import InputError
from poolcli.interop.doors import Door


class TorchDoor(Door):
    """Tensors and NumPy arrays look at the same memory, but for bfloat16, which NumPy lacks."""

    def to_numpy(self, x: Any) -> NDArray[Any]:
        """The tensor's memory. Raises InputError for a device's, and where gradients are kept."""
        import torch

        if x.device.type != "cpu":
            raise InputError(
                f"x is on {x.device}; poolcli pools in main memory, so hand over x.cpu()"
            )
        if x.requires_grad:
            raise InputError("x keeps gradients, which end here; hand over x.detach()")
        if x.is_sparse or x.is_quantized or x.layout != torch.strided:
            raise InputError(f"x is a tensor of {x.layout} memory; hand over x.to_dense()")
        x = x.resolve_conj().resolve_neg()
        values: NDArray[Any] = (x.float() if x.dtype == torch.bfloat16 else x).numpy()
        return values

    def back(self, values: NDArray[Any], x: Any) -> Any:
        """A tensor of the results' memory; floats are bfloat16 again if they were."""
        import torch

        tensor = torch.from_numpy(values)
        was = x.dtype == torch.bfloat16 and tensor.dtype == torch.float32
        return tensor.to(torch.bfloat16) if was else tensor


DOOR = TorchDoor()
