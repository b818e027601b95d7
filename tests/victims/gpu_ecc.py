# SPDX-License-Identifier: MIT
"""The device reports an error that ECC could not correct when its context is made."""
import lib_gpu

lib_gpu.Driver().start()
