//! Recordings of calls: `{CallSid}.ogg`, encoded and written by a few threads beside the calls.
//!
//! A call only ever does a `try_send`: if the threads fall behind or the disk is full, sound is lost from the recording
//! and counted, and the call does not notice. A recording grows as `{CallSid}.ogg.part` and gets its name at close; a
//! `.part` left by a crash gets it at the next start. A call recorded again (its stream came back) is added to its file
//! as a chained Ogg stream. Key types: [`Recordings`], [`Recorder`]. At most a second of a call is held in memory.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use metrics::counter;

use crate::audio::Frame;
use crate::audio::opus::OggOpus;
use crate::telemetry;
use crate::twilio::CallSid;

/// The threads that write recordings. Dropped without [`Recordings::stop`], they end once the last [`Recorder`] is gone.
#[derive(Debug)]
pub struct Recordings {
    writers: Vec<SyncSender<Order>>,
    threads: Vec<JoinHandle<()>>,
    tally: Arc<Tally>,
    next_id: AtomicU64,
}

/// One call being recorded. Dropping it closes the recording.
#[derive(Debug)]
pub struct Recorder {
    id: u64,
    writer: SyncSender<Order>,
    closed: Arc<AtomicBool>,
    chunk: Box<Chunk>,
    tally: Arc<Tally>,
}

/// What the threads did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingTotals {
    /// Recordings that got their final name.
    pub finished: u64,
    /// Recordings given up for an error of the disk or the encoder.
    pub failed: u64,
    /// 20 ms frames lost because a thread was too far behind.
    pub dropped_frames: u64,
}

impl Recordings {
    /// Starts `threads` writers (at least one) into `dir`, making it if it is missing, and finishes what a crash left.
    ///
    /// # Errors
    /// The folder cannot be made or read, or a thread cannot be started.
    pub fn start(dir: &Path, threads: usize) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        finish_leftovers(dir)?;
        let tally = Arc::new(Tally::default());
        let (mut writers, mut joins) = (Vec::new(), Vec::new());
        for n in 0..threads.max(1) {
            let (sender, orders) = sync_channel(QUEUE);
            let writer = Writer { dir: dir.to_owned(), tally: tally.clone(), open: HashMap::new() };
            joins.push(std::thread::Builder::new().name(format!("recording-{n}")).spawn(move || writer.run(&orders))?);
            writers.push(sender);
        }
        Ok(Self { writers, threads: joins, tally, next_id: AtomicU64::new(0) })
    }

    /// Begins the recording of a call. Never blocks and never fails: if nothing can be written, nothing will be.
    #[must_use]
    pub fn open(&self, call_sid: &CallSid) -> Recorder {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        // One call always meets the same thread, so that its file has one writer.
        let sum = call_sid.as_str().bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let writer = self.writers[sum % self.writers.len()].clone();
        let closed = Arc::new(AtomicBool::new(false));
        let order = Order::Open { id, call_sid: call_sid.clone(), closed: closed.clone() };
        if writer.try_send(order).is_err() {
            self.tally.failed.fetch_add(1, Ordering::Relaxed);
        }
        Recorder { id, writer, closed, chunk: Chunk::empty(), tally: self.tally.clone() }
    }

    /// What was done so far, for metrics.
    #[must_use]
    pub fn totals(&self) -> RecordingTotals {
        RecordingTotals {
            finished: self.tally.finished.load(Ordering::Relaxed),
            failed: self.tally.failed.load(Ordering::Relaxed),
            dropped_frames: self.tally.dropped_frames.load(Ordering::Relaxed),
        }
    }

    /// Finishes every recording, open ones too, and waits for the threads. Blocks while the disk works: call it from
    /// a blocking thread. What a [`Recorder`] pushes afterwards is dropped.
    pub fn stop(mut self) -> RecordingTotals {
        for writer in self.writers.drain(..) {
            // A thread that is gone has nothing left to finish.
            drop(writer.send(Order::Stop));
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a recording thread panicked");
            }
        }
        self.totals()
    }
}

impl Recorder {
    /// Adds 20 ms of both sides. Never blocks; what the thread cannot take is dropped and counted.
    pub fn push(&mut self, caller: Frame, agent: Frame) {
        self.chunk.frames[self.chunk.len] = (caller, agent);
        self.chunk.len += 1;
        if self.chunk.len == CHUNK_FRAMES {
            self.hand_over();
        }
    }

    /// Ends the recording; the thread gives the file its name soon after.
    pub fn close(self) {}

    fn hand_over(&mut self) {
        let frames = self.chunk.len;
        if frames == 0 {
            return;
        }
        let chunk = std::mem::replace(&mut self.chunk, Chunk::empty());
        if self.writer.try_send(Order::Frames { id: self.id, chunk }).is_err() {
            self.tally.dropped_frames.fetch_add(frames as u64, Ordering::Relaxed);
            counter!(telemetry::FRAMES_DROPPED, "queue" => "recording").increment(frames as u64);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.hand_over();
        // The flag is what counts; the order only makes the thread look at it sooner.
        self.closed.store(true, Ordering::Release);
        drop(self.writer.try_send(Order::Close { id: self.id }));
    }
}

/// What a thread is told.
enum Order {
    Open { id: u64, call_sid: CallSid, closed: Arc<AtomicBool> },
    Frames { id: u64, chunk: Box<Chunk> },
    Close { id: u64 },
    Stop,
}

/// Frames of both sides, handed over a few at a time: a tenth of the wake-ups.
struct Chunk {
    len: usize,
    frames: [(Frame, Frame); CHUNK_FRAMES],
}

impl Chunk {
    fn empty() -> Box<Self> {
        Box::new(Self { len: 0, frames: [(Frame::SILENCE, Frame::SILENCE); CHUNK_FRAMES] })
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({} frames)", self.len)
    }
}

#[derive(Debug, Default)]
struct Tally {
    finished: AtomicU64,
    failed: AtomicU64,
    dropped_frames: AtomicU64,
    /// A warning was given and no recording has succeeded since.
    warned: AtomicBool,
}

/// One thread's recordings.
struct Writer {
    dir: PathBuf,
    tally: Arc<Tally>,
    open: HashMap<u64, Take>,
}

/// One file being written.
struct Take {
    call_sid: CallSid,
    closed: Arc<AtomicBool>,
    part: PathBuf,
    sound: OggOpus<BufWriter<File>>,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        for turn in 1u64.. {
            if turn.is_multiple_of(SWEEP_EVERY) {
                self.sweep();
            }
            match orders.recv_timeout(SWEEP) {
                Ok(Order::Open { id, call_sid, closed }) => self.begin(id, call_sid, closed),
                Ok(Order::Frames { id, chunk }) => self.write(id, &chunk),
                Ok(Order::Close { id }) => self.finish(id),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.sweep(),
            }
        }
        let ids: Vec<u64> = self.open.keys().copied().collect();
        for id in ids {
            self.finish(id);
        }
    }

    fn begin(&mut self, id: u64, call_sid: CallSid, closed: Arc<AtomicBool>) {
        let same = self.open.iter().find(|(_, take)| take.call_sid == call_sid).map(|(&id, _)| id);
        if let Some(earlier) = same {
            self.finish(earlier);
        }
        let part = self.dir.join(format!("{}.ogg.part", call_sid.as_str()));
        match open_part(&part) {
            Ok(sound) => {
                self.open.insert(id, Take { call_sid, closed, part, sound });
            }
            Err(error) => self.give_up(&call_sid, &error),
        }
    }

    fn write(&mut self, id: u64, chunk: &Chunk) {
        let Some(take) = self.open.get_mut(&id) else {
            return;
        };
        let written = chunk.frames[..chunk.len].iter().try_for_each(|(caller, agent)| take.sound.push(caller, agent));
        if let Err(error) = written
            && let Some(take) = self.open.remove(&id)
        {
            self.give_up(&take.call_sid, &error);
            // What was written plays; a name costs no space.
            drop(fs::rename(&take.part, final_name(&take.part)));
        }
    }

    fn finish(&mut self, id: u64) {
        let Some(take) = self.open.remove(&id) else {
            return;
        };
        let done = take.sound.finish().and_then(|_| fs::rename(&take.part, final_name(&take.part)));
        match done {
            Ok(()) => {
                self.tally.finished.fetch_add(1, Ordering::Relaxed);
                self.tally.warned.store(false, Ordering::Relaxed);
            }
            Err(error) => self.give_up(&take.call_sid, &error),
        }
    }

    /// Finishes recordings whose close order found the queue full.
    fn sweep(&mut self) {
        let closed: Vec<u64> =
            self.open.iter().filter(|(_, take)| take.closed.load(Ordering::Acquire)).map(|(&id, _)| id).collect();
        for id in closed {
            self.finish(id);
        }
    }

    fn give_up(&self, call_sid: &CallSid, error: &io::Error) {
        self.tally.failed.fetch_add(1, Ordering::Relaxed);
        if self.tally.warned.swap(true, Ordering::Relaxed) {
            tracing::debug!(call_sid = call_sid.as_str(), %error, "recording stopped");
        } else {
            tracing::warn!(call_sid = call_sid.as_str(), %error, "recording stopped; further ones are counted only, until one succeeds");
        }
    }
}

/// Opens a new file, or the finished recording of the same call to go on with.
fn open_part(part: &Path) -> io::Result<OggOpus<BufWriter<File>>> {
    match fs::rename(final_name(part), part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = OpenOptions::new().append(true).create(true).open(part)?;
    // Chained streams in one file must differ in number; the length so far does.
    let serial = file.metadata()?.len() as u32;
    OggOpus::with_serial(BufWriter::with_capacity(BUFFER, file), serial.wrapping_add(1))
}

fn final_name(part: &Path) -> PathBuf {
    part.with_extension("")
}

fn finish_leftovers(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let part = entry?.path();
        if part.extension().is_some_and(|extension| extension == "part") {
            match fs::rename(&part, final_name(&part)) {
                Ok(()) => {
                    tracing::info!(file = %final_name(&part).display(), "an unfinished recording was kept")
                }
                Err(error) => {
                    tracing::warn!(%error, file = %part.display(), "an unfinished recording could not be kept")
                }
            }
        }
    }
    Ok(())
}

/// 200 ms: with a page of 0.8 s, a crash loses a second.
const CHUNK_FRAMES: usize = 10;
/// Orders a thread may lag behind: 0.4 s of a thousand calls, 6.5 MB.
const QUEUE: usize = 2_048;
/// More than a page.
const BUFFER: usize = 8 * 1_024;
const SWEEP: Duration = Duration::from_secs(1);
/// Orders, for a thread that is never idle.
const SWEEP_EVERY: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn call(n: u32) -> CallSid {
        CallSid::parse(&format!("CA{n:032x}")).unwrap()
    }

    fn path(dir: &tempfile::TempDir, n: u32) -> PathBuf {
        dir.path().join(format!("{}.ogg", call(n).as_str()))
    }

    /// Milliseconds of sound in each logical stream of a file, by its granule positions less the pre-skip.
    fn lengths(file: &Path) -> Vec<u64> {
        let mut reader = ogg::PacketReader::new(File::open(file).unwrap());
        let (mut lengths, mut skip) = (Vec::new(), 0);
        while let Ok(Some(packet)) = reader.read_packet() {
            if packet.first_in_stream() {
                skip = u64::from(u16::from_le_bytes([packet.data[10], packet.data[11]]));
                lengths.push(0);
            } else if let Some(last) = lengths.last_mut() {
                *last = packet.absgp_page().saturating_sub(skip) / 48;
            }
        }
        lengths
    }

    fn loud(n: usize) -> Frame {
        Frame(std::array::from_fn(|at| ((n * 31 + at * 17) % 251) as u8))
    }

    #[test]
    fn many_calls_are_written_whole_by_few_threads() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::start(dir.path(), 2).unwrap();
        let mut open: Vec<Recorder> = (0..8).map(|n| recordings.open(&call(n))).collect();
        for n in 0..57 {
            for recorder in &mut open {
                recorder.push(loud(n), Frame::SILENCE);
            }
        }
        open.drain(..4).for_each(Recorder::close);
        drop(open);
        let totals = recordings.stop();
        assert_eq!(totals, RecordingTotals { finished: 8, failed: 0, dropped_frames: 0 });
        for n in 0..8 {
            assert_eq!(lengths(&path(&dir, n)), [57 * 20]);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 8, "no .part is left");
    }

    #[test]
    fn stopping_finishes_open_recordings_and_later_sound_is_dropped_quietly() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::start(dir.path(), 1).unwrap();
        let mut recorder = recordings.open(&call(1));
        for n in 0..20 {
            recorder.push(loud(n), loud(n));
        }
        assert_eq!(recordings.stop().finished, 1);
        for n in 0..20 {
            recorder.push(loud(n), loud(n));
        }
        assert_eq!(recorder.tally.dropped_frames.load(Ordering::Relaxed), 20);
        recorder.close();
        assert_eq!(lengths(&path(&dir, 1)), [400]);
    }

    #[test]
    fn a_call_that_comes_back_is_added_to_its_file() {
        let dir = tempfile::tempdir().unwrap();
        for frames in [50, 30] {
            let recordings = Recordings::start(dir.path(), 1).unwrap();
            let mut recorder = recordings.open(&call(7));
            (0..frames).for_each(|n| recorder.push(loud(n), Frame::SILENCE));
            recorder.close();
            assert_eq!(recordings.stop().finished, 1);
        }
        assert_eq!(lengths(&path(&dir, 7)), [1_000, 600]);
    }

    #[test]
    fn a_second_stream_of_the_same_call_takes_the_file_over() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::start(dir.path(), 3).unwrap();
        let mut first = recordings.open(&call(7));
        (0..50).for_each(|n| first.push(loud(n), Frame::SILENCE));
        let mut second = recordings.open(&call(7));
        first.push(loud(0), loud(0));
        (0..30).for_each(|n| second.push(loud(n), Frame::SILENCE));
        drop((first, second));
        recordings.stop();
        assert_eq!(lengths(&path(&dir, 7)), [1_000, 600]);
    }

    #[test]
    fn what_a_crash_left_is_kept_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let part = dir.path().join(format!("{}.ogg.part", call(3).as_str()));
        let mut sound = open_part(&part).unwrap();
        (0..90).for_each(|n| sound.push(&loud(n), &Frame::SILENCE).unwrap());
        std::mem::forget(sound);
        let recordings = Recordings::start(dir.path(), 1).unwrap();
        assert!(!part.exists());
        let [kept_ms] = lengths(&path(&dir, 3))[..] else { panic!("one stream") };
        assert!((1_590..=1_600).contains(&kept_ms), "two whole pages, not {kept_ms} ms");
        recordings.stop();
    }

    /// Linux only: `/dev/full` fails every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_stops_that_recording_only() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::start(dir.path(), 1).unwrap();
        std::os::unix::fs::symlink("/dev/full", dir.path().join(format!("{}.ogg.part", call(1).as_str()))).unwrap();
        let (mut on_full, mut fine) = (recordings.open(&call(1)), recordings.open(&call(2)));
        for n in 0..100 {
            on_full.push(loud(n), Frame::SILENCE);
            fine.push(loud(n), Frame::SILENCE);
        }
        drop((on_full, fine));
        assert_eq!(recordings.stop(), RecordingTotals { finished: 1, failed: 1, dropped_frames: 0 });
        assert_eq!(lengths(&path(&dir, 2)), [2_000]);
    }

    #[test]
    fn a_folder_that_vanished_harms_no_call() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("recordings");
        let recordings = Recordings::start(&inner, 1).unwrap();
        fs::remove_dir_all(&inner).unwrap();
        let mut recorder = recordings.open(&call(1));
        (0..100).for_each(|n| recorder.push(loud(n), loud(n)));
        recorder.close();
        assert_eq!(recordings.stop(), RecordingTotals { finished: 0, failed: 1, dropped_frames: 0 });
    }

    #[test]
    fn a_queue_that_is_full_loses_sound_and_never_waits() {
        let (writer, orders) = sync_channel(1);
        let tally = Arc::new(Tally::default());
        let closed = Arc::new(AtomicBool::new(false));
        let mut recorder =
            Recorder { id: 0, writer, closed: closed.clone(), chunk: Chunk::empty(), tally: tally.clone() };
        (0..35).for_each(|n| recorder.push(loud(n), loud(n)));
        recorder.close();
        assert_eq!(tally.dropped_frames.load(Ordering::Relaxed), 25, "one chunk of ten fitted");
        assert_eq!(orders.try_iter().count(), 1);

        // The close order was lost too; the flag still ends the recording.
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer { dir: dir.path().to_owned(), tally: tally.clone(), open: HashMap::new() };
        writer.begin(0, call(1), closed);
        writer.sweep();
        assert_eq!(tally.finished.load(Ordering::Relaxed), 1);
        assert!(path(&dir, 1).exists());
    }
}
