"""Trains the network of `src/audio/voice.rs` and writes its weights.

    VAD_MUSIC=WAVS cargo bench --bench vad -- measures FOLDER 24
    python benches/vad_train.py FOLDER src/audio/voice.weights [STEPS [WEIGHTS TO BEGIN WITH]]   (needs jax, optax)

The weights in the tree: 24 seeds (17 h) and 4500 steps, then 10 more seeds with talking machines and 1800 steps from
there; about 12 minutes on two cores. Voices, all from Debian 12: three of
asterisk-core-sounds (CC-BY-SA 3.0), librivox of pocketsphinx-testdata, flite, espeak-ng; talk and music in the
background from asterisk-core-sounds and asterisk-moh-opsound-wav; WAVS held a minute each of 75 pieces of music (8 kHz,
mono) from neverball-data, extremetuxracer-data, lincity-ng-data, frozen-bubble-data, hedgewars-data, pingus-data and
wesnoth-1.16-music. The half that is reported shares with it none of the voices, words or pieces of music, but the same
generators of white noise, car, street and of coughs, tones and knocks.

Each file holds rows of f32: gate open, speech, and the measures of one 20 ms frame. The network is one gated recurrent
layer whose state stands still while the gate is closed, exactly as in Rust.
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

HIDDEN, MEASURES, LENGTH, BATCH = 32, 36, 400, 96
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 2500
ORDER = ["input", "bias", "recurrent", "recurrent_bias", "output", "output_bias"]
chance = np.random.default_rng(1)


def load(path):
    rows = np.fromfile(path, "<f4").reshape(-1, 2 + MEASURES)
    gate, speech, measures = rows[:, 0], rows[:, 1], rows[:, 2:]
    weight = np.ones(len(rows), np.float32)
    # Where speech begins and ends is not known to the frame.
    edges = np.flatnonzero(np.diff(speech) != 0)
    for edge in edges:
        weight[max(0, edge - 1) : edge + 2] = 0.2
        if speech[min(edge + 1, len(speech) - 1)] > 0:
            weight[edge + 2 : edge + 9] = 2.0
    weight[speech == 0] *= 1.5
    # No voice and no words: coughs, tones, knocks. They come in bursts, so they are few.
    if path.stem.endswith(("-7", "-8", "-11")):
        weight[speech == 0] *= 2.0
    # Files of even seeds begin a call every 400 frames.
    starts = int(path.stem.split("-")[0]) % 2 == 0
    return gate, speech, weight * gate, measures, starts


files = [load(path) for path in sorted(pathlib.Path(sys.argv[1]).glob("*.measures"))]
print(len(files), "files,", sum(len(f[0]) for f in files), "frames")


def batch():
    parts = []
    for _ in range(BATCH):
        gate, speech, weight, measures, starts = files[chance.integers(len(files))]
        at = chance.integers(len(gate) // LENGTH - 1) * LENGTH if starts else chance.integers(len(gate) - LENGTH)
        if not starts:
            weight = np.concatenate([weight[:at], np.zeros(20, np.float32), weight[at + 20 :]])
        parts.append([x[at : at + LENGTH] for x in (gate, speech, weight, measures)])
    return [jnp.asarray(np.stack([part[n] for part in parts], 1)) for n in range(4)]


def initial(key):
    a, b, c = jax.random.split(key, 3)
    return {
        "input": jax.random.normal(a, (MEASURES, 3 * HIDDEN)) / np.sqrt(MEASURES),
        "bias": jnp.zeros(3 * HIDDEN).at[:HIDDEN].set(-0.5),
        "recurrent": jax.random.normal(b, (HIDDEN, 3 * HIDDEN)) / np.sqrt(HIDDEN),
        "recurrent_bias": jnp.zeros(3 * HIDDEN),
        "output": jax.random.normal(c, (HIDDEN,)) / np.sqrt(HIDDEN),
        "output_bias": jnp.zeros(()),
    }


def scores(weights, gate, measures):
    sums = measures @ weights["input"] + weights["bias"]

    def step(hidden, frame):
        gate, sums = frame
        recurrent = hidden @ weights["recurrent"] + weights["recurrent_bias"]
        update = jax.nn.sigmoid(sums[:, :HIDDEN] + recurrent[:, :HIDDEN])
        reset = jax.nn.sigmoid(sums[:, HIDDEN : 2 * HIDDEN] + recurrent[:, HIDDEN : 2 * HIDDEN])
        fresh = jnp.tanh(sums[:, 2 * HIDDEN :] + reset * recurrent[:, 2 * HIDDEN :])
        hidden = jnp.where(gate[:, None] > 0, hidden + update * (fresh - hidden), hidden)
        return hidden, hidden @ weights["output"] + weights["output_bias"]

    return jax.lax.scan(step, jnp.zeros((gate.shape[1], HIDDEN)), (gate, sums))[1]


def loss(weights, gate, speech, weight, measures):
    logits = scores(weights, gate, measures)
    each = optax.sigmoid_binary_cross_entropy(logits, speech * 0.98 + 0.01)
    decay = sum(jnp.sum(w**2) for w in jax.tree.leaves(weights))
    return jnp.sum(each * weight) / jnp.sum(weight) + 1e-5 * decay


optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(1.5e-3 if len(sys.argv) > 4 else 5e-3, steps)))


@jax.jit
def train(weights, state, gate, speech, weight, measures):
    value, slope = jax.value_and_grad(loss)(weights, gate, speech, weight, measures)
    change, state = optimiser.update(slope, state)
    return optax.apply_updates(weights, change), state, value


weights = initial(jax.random.key(3))
if len(sys.argv) > 4:
    numbers = np.fromfile(sys.argv[4], "<f4")
    for name in ORDER:
        size = weights[name].size
        weights[name] = jnp.asarray(numbers[:size].reshape(weights[name].shape))
        numbers = numbers[size:]
state = optimiser.init(weights)
recent = []
for step in range(steps):
    weights, state, value = train(weights, state, *batch())
    recent.append(float(value))
    if step % 250 == 249:
        print(step + 1, f"{np.mean(recent[-250:]):.4f}", flush=True)
pathlib.Path(sys.argv[2]).write_bytes(b"".join(np.asarray(weights[name], "<f4").tobytes() for name in ORDER))
