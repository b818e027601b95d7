# SPDX-License-Identifier: MIT
"""OpenCV: filters with threads, contours, features, codecs, an error of its own."""
import hashlib

import cv2
import numpy as np

r = np.random.default_rng(6)
p = r.integers(0, 255, (480, 640, 3), dtype=np.uint8)


def digest(x):
    return hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()[:16]


blurred = cv2.GaussianBlur(p, (9, 9), 2)
print("blur", digest(blurred), "edges", digest(cv2.Canny(blurred, 40, 90)))
print("resize", digest(cv2.resize(p, (321, 123), interpolation=cv2.INTER_AREA)), "rgb", digest(cv2.cvtColor(p, cv2.COLOR_BGR2HSV)))
for end in (".png", ".jpg", ".webp"):
    ok, data = cv2.imencode(end, blurred)
    print(end, ok, len(data), digest(cv2.imdecode(data, cv2.IMREAD_COLOR)))
black = np.zeros((200, 200), np.uint8)
cv2.circle(black, (90, 90), 50, 255, -1)
print("contours", [len(c) for c in cv2.findContours(black, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]])
try:
    cv2.cvtColor(black, cv2.COLOR_BGR2GRAY)
except cv2.error as e:
    print("error", e.code)
