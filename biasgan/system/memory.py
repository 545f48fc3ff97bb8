import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
GLIBC = platform.libc_ver()[0] == "glibc"


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors for the next iteration.

    Otherwise each large tensor is mapped, zeroed by the kernel and unmapped again. Does nothing elsewhere.
    """
    if GLIBC:
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def release_freed_memory() -> None:
    """Give it back to the system, where tensors of other sizes come next: whole images after crops."""
    if GLIBC:
        ctypes.CDLL(None).malloc_trim(0)
