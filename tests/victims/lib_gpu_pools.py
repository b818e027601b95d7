# SPDX-License-Identifier: MIT
"""
How frameworks ask the driver for memory, replayed on the driver without a GPU: sizes, retries and the order of calls are
theirs (PyTorch's CUDACachingAllocator.cpp, XLA's bfc_allocator.cc, CuPy's memory.pyx, RMM's pool_memory_resource), and so
are the words of the exception where no memory was left.
"""
import ctypes

import lib_gpu

MIB, GIB = 1 << 20, 1 << 30


class OutOfMemoryError(RuntimeError):
    """torch.OutOfMemoryError, cupy's OutOfMemoryError."""


class ResourceExhaustedError(RuntimeError):
    """TensorFlow's."""


class XlaRuntimeError(RuntimeError):
    """JAX's."""


def human(size):
    return f"{size / GIB:.2f} GiB" if size >= GIB else f"{size / MIB:.2f} MiB"


class Torch:
    """Segments of 2 MiB, 20 MiB or multiples of 2 MiB; a miss asks the driver, frees the cache and asks again."""

    def __init__(self, gpu, expandable=False):
        self.gpu, self.expandable, self.free_segments, self.allocated, self.reserved = gpu, expandable, [], 0, 0

    @staticmethod
    def segment(size):
        return 2 * MIB if size <= MIB else 20 * MIB if size < 10 * MIB else (size + 2 * MIB - 1) // (2 * MIB) * 2 * MIB

    def ask(self, size):
        if not self.expandable:
            return self.gpu.alloc_code(size)
        properties, handle, address = (ctypes.c_int * 8)(1, 0, 1, 0), ctypes.c_uint64(), ctypes.c_uint64()
        code = self.gpu.raw("cuMemCreate", ctypes.byref(handle), ctypes.c_size_t(size), properties, ctypes.c_uint64(0))
        if code == 0:
            self.gpu.call("cuMemAddressReserve", ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_size_t(0), ctypes.c_uint64(0), ctypes.c_uint64(0))
            self.gpu.call("cuMemMap", address, ctypes.c_size_t(size), ctypes.c_size_t(0), handle, ctypes.c_uint64(0))
            self.gpu.call("cuMemSetAccess", address, ctypes.c_size_t(size), properties, ctypes.c_size_t(1))
        return code, handle.value

    def release(self, handle):
        if self.expandable:
            self.gpu.call("cuMemRelease", ctypes.c_uint64(handle))
        else:
            self.gpu.free(handle)

    def empty(self, size):
        segment = self.segment(size)
        fits = next((s for s in self.free_segments if s[1] >= segment), None)
        if fits:
            self.free_segments.remove(fits)
            self.allocated += size
            return fits + (size,)
        code, block = self.ask(segment)
        if code:
            for address, length in self.free_segments:      # release_cached_blocks
                self.release(address)
                self.reserved -= length
            self.free_segments = []
            code, block = self.ask(segment)
        if code:
            self.fail(size)
        self.allocated += size
        self.reserved += segment
        return block, segment, size

    def delete(self, tensor):
        self.allocated -= tensor[2]
        self.free_segments.append(tensor[:2])

    def fail(self, size):
        free, total = self.gpu.info()
        raise OutOfMemoryError(f"CUDA out of memory. Tried to allocate {human(size)}. GPU 0 has a total capacity of {human(total)} of which "
                               f"{human(free)} is free. Of the allocated memory {human(self.allocated)} is allocated by PyTorch, and "
                               f"{human(self.reserved - self.allocated)} is reserved by PyTorch but unallocated. If reserved but unallocated "
                               "memory is large try setting PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.")


class Bfc:
    """One block of the limit, or blocks that double; 0.9 of what was refused until it fits. The pool refuses without a driver call."""

    def __init__(self, gpu, limit, grows=False):
        self.gpu, self.limit, self.grows, self.next, self.pool, self.used = gpu, limit, grows, 2 * MIB if grows else limit, 0, 0

    def extend(self, wanted):
        if self.pool >= self.limit:
            return False
        while self.next < wanted:
            self.next *= 2
        size = min(self.next, self.limit - self.pool) // 256 * 256
        while size >= wanted:
            code, _ = self.gpu.alloc_code(size)
            if code == 0:
                self.pool += size
                self.next *= 2
                return True
            size = int(size * 0.9) // 256 * 256
        return False

    def tensor(self, size, error):
        if self.used + size > self.pool and not self.extend(size):
            raise error
        self.used += size


def tensorflow(gpu, grows=False):
    free, _ = gpu.info()
    return Bfc(gpu, free - 1536 * MIB, grows)


def tensorflow_error(size):
    return ResourceExhaustedError(f"OOM when allocating tensor with shape[{size // 4},1] and type float on "
                                  "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc [Op:AddV2]")


def jax(gpu, fraction=0.75):
    _, total = gpu.info()
    return Bfc(gpu, int(total * fraction))


def jax_error(size):
    return XlaRuntimeError(f"RESOURCE_EXHAUSTED: Out of memory while trying to allocate {size} bytes.")


class CuPy:
    """Sizes in multiples of 512; a miss asks, frees the pool, asks, collects garbage, asks."""

    def __init__(self, gpu):
        self.gpu, self.total, self.cached = gpu, 0, []

    def alloc(self, size):
        size = (size + 511) // 512 * 512
        for _ in range(3):
            code, address = self.gpu.alloc_code(size)
            if code == 0:
                self.total += size
                return address
            for block in self.cached:
                self.gpu.free(block)
            self.cached = []
        raise OutOfMemoryError(f"Out of memory allocating {size:,} bytes (allocated so far: {self.total:,} bytes).")


def async_alloc(gpu, size, pool=None):
    """cudaMallocAsync, RMM's cuda_async_memory_resource: the driver's own pool."""
    address = ctypes.c_uint64()
    if pool:
        code = gpu.raw("cuMemAllocFromPoolAsync", ctypes.byref(address), ctypes.c_size_t(size), pool, None)
    else:
        code = gpu.raw("cuMemAllocAsync", ctypes.byref(address), ctypes.c_size_t(size), None)
    if code:
        raise MemoryError(f"std::bad_alloc: out_of_memory: CUDA error (failed to allocate {size} bytes) at: cuda_async_memory_resource.hpp: "
                          "cudaErrorMemoryAllocation out of memory")
    return address
