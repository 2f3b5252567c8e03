"""Scores the sounds that `VAD_DUMP=folder cargo bench --bench vad` wrote with Silero VAD at 8 kHz.

Usage: python silero.py silero_vad.onnx folder   (needs onnxruntime and numpy; the model is in the package silero-vad)
Writes one f32 per 32 ms beside each raw file, and prints what 20 ms of sound cost.
"""

import pathlib
import sys
import time

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
spent, samples = 0.0, 0
for path in sorted(pathlib.Path(sys.argv[2]).glob("*.raw")):
    sound = np.frombuffer(path.read_bytes(), "<i2").astype(np.float32) / 32768
    state, context, scores = np.zeros((2, 1, 128), np.float32), np.zeros(32, np.float32), []
    began = time.perf_counter()
    for at in range(0, len(sound) - 255, 256):
        window = np.concatenate([context, sound[at : at + 256]])
        score, state = session.run(None, {"input": window[None], "state": state, "sr": np.array(8000, np.int64)})
        context = window[-32:]
        scores.append(score[0, 0])
    spent, samples = spent + time.perf_counter() - began, samples + len(sound)
    path.with_suffix(".silero").write_bytes(np.array(scores, "<f4").tobytes())
print(f"{spent * 1e6 / (samples / 160):.2f} µs a frame of 20 ms")
