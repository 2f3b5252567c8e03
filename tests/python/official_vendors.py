"""Drives the stand-in vendors at argv[1] with the official packages of ElevenLabs and Google; prints one JSON object."""

import asyncio
import base64
import json
import sys
import urllib.request

from elevenlabs import ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.realtime import AudioFormat, CommitStrategy, RealtimeEvents
from google import genai
from google.genai import errors, types

BASE, PHRASE = sys.argv[1], sys.argv[2]
out = {}


def control(**change):
    request = urllib.request.Request(f"{BASE}/control", json.dumps(change).encode(), {"content-type": "application/json"})
    urllib.request.urlopen(request).read()


def speech():
    client = ElevenLabs(api_key="key", base_url=BASE)
    arguments = {"text": "What is the charge?", "model_id": "eleven_flash_v2_5"}
    chunks = list(client.text_to_speech.stream("voice", output_format="ulaw_8000", language_code="en", **arguments))
    out["stream_bytes"] = sum(map(len, chunks))
    out["stream_loud"] = sum((byte & 0x7F) < 0x50 for chunk in chunks for byte in chunk)
    mp3 = b"".join(client.text_to_speech.convert("voice", output_format="mp3_44100_128", **arguments))
    out["mp3"] = [mp3[:3].decode(), len(mp3)]
    timed = list(client.text_to_speech.stream_with_timestamps("voice", output_format="pcm_16000", **arguments))
    out["timed_text"] = "".join("".join(chunk.alignment.characters) for chunk in timed if chunk.alignment)
    out["timed_bytes"] = sum(len(base64.b64decode(chunk.audio_base_64)) for chunk in timed)
    control(faults=[{"route": "speech", "kind": {"status": {"code": 429, "body": ""}}, "times": 1}])
    try:
        list(client.text_to_speech.stream("voice", **arguments))
    except ApiError as error:
        out["speech_error"] = [error.status_code, error.body["detail"]["code"]]
    client.text_to_speech._ws_base_url = BASE.replace("http", "ws", 1)
    spoken = client.text_to_speech.convert_realtime(
        "voice", text=iter(["Hello there, ", "how are you? "]), model_id="eleven_flash_v2_5", output_format="ulaw_8000"
    )
    out["realtime_bytes"] = sum(map(len, spoken))


async def ears(strategy):
    client = ElevenLabs(api_key="key", base_url=BASE)
    connection = await client.speech_to_text.realtime.connect(
        {
            "model_id": "scribe_v2_realtime",
            "audio_format": AudioFormat.ULAW_8000,
            "sample_rate": 8000,
            "commit_strategy": strategy,
            "include_timestamps": True,
            "language_code": "en",
        }
    )
    heard, done = {"partials": []}, asyncio.Event()
    connection.on(RealtimeEvents.PARTIAL_TRANSCRIPT, lambda data: heard["partials"].append(data["text"]))

    def committed(data):
        heard["text"], heard["words"] = data["text"], [word["text"] for word in data["words"] if word["type"] == "word"]
        done.set()

    connection.on(RealtimeEvents.COMMITTED_TRANSCRIPT_WITH_TIMESTAMPS, committed)
    errors_seen = []
    connection.on(RealtimeEvents.ERROR, errors_seen.append)
    audio = open(PHRASE, "rb").read() + b"\xff" * (16000 if strategy == CommitStrategy.VAD else 800)
    for start in range(0, len(audio), 800):
        await connection.send({"audio_base_64": base64.b64encode(audio[start : start + 800]).decode()})
    if strategy == CommitStrategy.MANUAL:
        await connection.commit()
    await asyncio.wait_for(done.wait(), 20)
    if strategy == CommitStrategy.MANUAL:
        await connection.commit()
        for _ in range(200):
            if errors_seen:
                break
            await asyncio.sleep(0.02)
        heard["second_commit"] = [str(error.get("error")) for error in errors_seen][:1]
    await connection.close()
    return heard


def mind():
    schema = {
        "type": "object",
        "properties": {
            "say": {"type": "string"},
            "type": {"type": "string", "enum": ["THANK_YOU_RESPONSE", "NEED_MORE_INFO", "HANDOVER_TO_HUMAN"]},
            "data": {"type": "object", "properties": {"charge": {"type": ["string", "null"], "description": "money"}}},
        },
        "required": ["say", "type", "data"],
    }
    config = types.GenerateContentConfig(
        system_instruction="Collect the charge.", response_mime_type="application/json", response_json_schema=schema,
        thinking_config=types.ThinkingConfig(thinking_level="minimal"),
    )
    contents = [
        types.Content(role="user", parts=[types.Part(text="hello")]),
        types.Content(role="model", parts=[types.Part(text="What is the charge?")]),
        types.Content(role="user", parts=[types.Part(text="five hundred rupees")]),
    ]
    for version in ["v1beta", None]:
        options = types.HttpOptions(base_url=BASE, api_version=version) if version else types.HttpOptions(base_url=BASE)
        client = genai.Client(api_key="key", http_options=options)
        chunks = list(client.models.generate_content_stream(model="gemini-3.5-flash-lite", contents=contents, config=config))
        key = version or "default"
        out[f"mind_{key}"] = json.loads("".join(chunk.text or "" for chunk in chunks))
        out[f"mind_{key}_end"] = [len(chunks) > 1, str(chunks[-1].candidates[0].finish_reason.value)]
    whole = client.models.generate_content(model="gemini-3.5-flash-lite", contents=contents, config=config)
    out["mind_whole"] = json.loads(whole.text)
    control(faults=[{"route": "mind", "kind": {"status": {"code": 429, "body": ""}}, "times": 1}])
    try:
        list(client.models.generate_content_stream(model="gemini-3.5-flash-lite", contents="hi"))
    except errors.ClientError as error:
        out["mind_error"] = [error.code, error.status]


speech()
out["ears_manual"] = asyncio.run(ears(CommitStrategy.MANUAL))
out["ears_vad"] = asyncio.run(ears(CommitStrategy.VAD))
mind()
print(json.dumps(out))
