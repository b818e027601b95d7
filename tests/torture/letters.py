# SPDX-License-Identifier: MIT
"""Texts that nobody else writes, made from the letters of a number, so that they stand in no file before."""


def make(salt):
    letters = []
    for _ in range(32):
        salt = (salt * 1103515245 + 12345) % 2**32
        letters.append(chr(ord("a") + (salt >> 16) % 26))
    return "".join(letters)
