//! Cached speech: one render however many ask, whole files, bounds, and names that open nothing else.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::join_all;
use tempfile::tempdir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trunkline::store::speech_cache::{SpeechCache, SpeechCacheConfig, SpeechForm, SpeechKey};

fn key(text: &str) -> SpeechKey {
    SpeechKey {
        text: text.to_owned(),
        voice_id: "EXAVITQu4vr4xnSDxMaL".to_owned(),
        model_id: "eleven_flash_v2_5".to_owned(),
        settings: "stability=0.5 similarity_boost=0.75 speed=1".to_owned(),
        language: "hindi".to_owned(),
        form: SpeechForm::Ulaw,
    }
}

fn mp3(text: &str) -> SpeechKey {
    SpeechKey { form: SpeechForm::Mp3, ..key(text) }
}

fn open(dir: &Path) -> SpeechCache {
    SpeechCache::open(SpeechCacheConfig::new(dir)).unwrap()
}

async fn sound(bytes: &'static [u8]) -> Result<Bytes, Infallible> {
    Ok(Bytes::from_static(bytes))
}

async fn not_asked() -> Result<Bytes, Infallible> {
    panic!("rendered what is kept")
}

fn names(dir: &Path) -> HashSet<String> {
    fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

fn age(dir: &Path, name: &str, by: Duration) {
    File::options().append(true).open(dir.join(name)).unwrap().set_modified(SystemTime::now() - by).unwrap();
}

#[test]
fn a_name_tells_the_language_and_changes_with_all_that_changes_the_sound() {
    let plain = key("hello").file_name();
    assert!(plain.starts_with("elevenlabs_") && plain.ends_with("_hindi.ulaw"), "{plain}");
    assert_eq!(plain.len(), "elevenlabs_".len() + 32 + "_hindi.ulaw".len());
    // Pinned: a change of the hash would silently pay for every sentence again.
    assert_eq!(plain, "elevenlabs_9a193f0ed7ce1eb8aa822cbcc029c7f0_hindi.ulaw");
    let mut seen = HashSet::from([plain]);
    for other in [
        key("hello "),
        key("Hello"),
        SpeechKey { voice_id: "another".to_owned(), ..key("hello") },
        SpeechKey { model_id: "eleven_v3".to_owned(), ..key("hello") },
        SpeechKey { settings: "stability=0.6".to_owned(), ..key("hello") },
        SpeechKey { language: "english".to_owned(), ..key("hello") },
        mp3("hello"),
        // The border between two fields counts.
        SpeechKey { text: "helloE".to_owned(), voice_id: "XAVITQu4vr4xnSDxMaL".to_owned(), ..key("") },
    ] {
        assert!(seen.insert(other.file_name()), "{other:?}");
    }
    let ending = |language: &str| SpeechKey { language: language.to_owned(), ..mp3("x") }.file_name()[43..].to_owned();
    assert_eq!(ending("English"), "_english.mp3");
    assert_eq!(ending("en-IN"), "_en-in.mp3");
    assert_eq!(ending(""), "_und.mp3");
    assert_eq!(ending("../../x_y.z"), "_------x-y-z.mp3");
}

#[tokio::test]
async fn what_was_rendered_is_kept_over_a_restart_and_served_by_name() {
    let dir = tempdir().unwrap();
    let cache = open(dir.path());
    assert_eq!(cache.get(&mp3("hello")).await, None);
    let (bytes, name) = cache.get_or_render(&mp3("hello"), sound(b"ID3 sound")).await.unwrap();
    assert_eq!((bytes.as_ref(), name.as_str()), (b"ID3 sound".as_slice(), mp3("hello").file_name().as_str()));
    assert_eq!(names(dir.path()), HashSet::from([name.clone()]));
    let put = cache.put(&key("streamed"), Bytes::from_static(&[0xff; 160])).await;

    let cache = open(dir.path());
    assert_eq!(cache.get_or_render(&mp3("hello"), not_asked()).await.unwrap().0, bytes);
    let file = cache.open_file(&name).await.unwrap();
    assert_eq!((file.bytes, file.content_type), (bytes, "audio/mpeg"));
    assert_eq!(cache.open_file(&put).await.unwrap().content_type, "audio/basic");
    // The stream's speech is hot once it was used.
    assert!(cache.get_hot(&key("streamed")).is_some());
    assert!(cache.get_hot(&mp3("hello")).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_ask_at_once_make_one_render() {
    let dir = tempdir().unwrap();
    let cache = open(dir.path());
    let renders = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Notify::new());
    let askers: Vec<_> = (0..100)
        .map(|_| {
            let (cache, renders, gate) = (cache.clone(), Arc::clone(&renders), Arc::clone(&gate));
            tokio::spawn(async move {
                let render = async {
                    renders.fetch_add(1, Ordering::Relaxed);
                    gate.notified().await;
                    Ok::<_, Infallible>(Bytes::from_static(b"sound"))
                };
                cache.get_or_render(&key("hello"), render).await.unwrap().0
            })
        })
        .collect();
    // The permit is kept for the one that renders, whenever it comes.
    gate.notify_one();
    for bytes in join_all(askers).await {
        assert_eq!(bytes.unwrap(), Bytes::from_static(b"sound"));
    }
    assert_eq!(renders.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn speech_that_cannot_be_written_is_given_and_served_all_the_same() {
    let outer = tempdir().unwrap();
    let dir = outer.path().join("temp_audio");
    let cache = open(&dir);
    // In the folder's place stands a file: nothing can be written, whoever we run as.
    fs::remove_dir(&dir).unwrap();
    fs::write(&dir, b"in the way").unwrap();
    let (bytes, name) = cache.get_or_render(&mp3("hello"), sound(b"ID3 sound")).await.unwrap();
    assert_eq!(bytes, Bytes::from_static(b"ID3 sound"));
    // Twilio will ask for it by its name.
    assert_eq!(cache.open_file(&name).await.unwrap().bytes, bytes);
    assert_eq!(cache.get_or_render(&mp3("hello"), not_asked()).await.unwrap().0, bytes);
    cache.clean_up().await;
    // Once the folder is there again, so is the cache.
    fs::remove_file(&dir).unwrap();
    let (_, name) = cache.get_or_render(&mp3("again"), sound(b"ID3 again")).await.unwrap();
    assert_eq!(names(&dir), HashSet::from([name]));
}

#[tokio::test]
async fn only_whole_files_with_a_cache_name_are_opened() {
    let outer = tempdir().unwrap();
    let dir = outer.path().join("temp_audio");
    let cache = open(&dir);
    fs::write(outer.path().join("secret.mp3"), b"secret").unwrap();
    fs::write(dir.join("README.md"), b"about").unwrap();
    for name in ["../secret.mp3", "README.md", "", ".", "..", "%2e%2e/secret.mp3", "..\\secret.mp3"] {
        assert_eq!(cache.open_file(name).await, None, "{name}");
    }
    // What a power cut leaves, and a link that somebody planted.
    let empty = mp3("empty").file_name();
    fs::write(dir.join(&empty), b"").unwrap();
    assert_eq!(cache.open_file(&empty).await, None);
    assert_eq!(cache.get_or_render(&mp3("empty"), sound(b"ID3")).await.unwrap().0, Bytes::from_static(b"ID3"));
    let link = mp3("link").file_name();
    std::os::unix::fs::symlink("../secret.mp3", dir.join(&link)).unwrap();
    assert_eq!(cache.open_file(&link).await, None);
    fs::create_dir(dir.join(mp3("folder").file_name())).unwrap();
    assert_eq!(cache.get(&mp3("folder")).await, None);
}

#[tokio::test]
async fn clean_up_goes_by_age_then_size_and_spares_the_rest() {
    let dir = tempdir().unwrap();
    let config = SpeechCacheConfig {
        max_bytes: 250,
        max_age: Duration::from_secs(3600),
        grace: Duration::from_secs(60),
        ..SpeechCacheConfig::new(dir.path())
    };
    let writer = SpeechCache::open(config.clone()).unwrap();
    let mut name = Vec::new();
    for n in 0..6 {
        name.push(writer.put(&mp3(&n.to_string()), Bytes::from(vec![n; 100])).await);
    }
    for (name, minutes) in name.iter().zip([120, 50, 40, 30, 20, 0]) {
        age(dir.path(), name, Duration::from_secs(minutes * 60));
    }
    for (other, hours) in
        [("README.md", 10_000), (".writing-1-1", 2), (".writing-1-2", 0), ("elevenlabs_song.mp3", 10_000)]
    {
        fs::write(dir.path().join(other), vec![1; 1000]).unwrap();
        age(dir.path(), other, Duration::from_secs(hours * 3600));
    }
    // Another process (it knows nothing of what the writer handed out) uses one of the old ones.
    let cache = SpeechCache::open(config).unwrap();
    assert!(cache.get(&mp3("1")).await.is_some());
    cache.clean_up().await;
    let left: HashSet<String> =
        [&name[1], &name[5], "README.md", ".writing-1-2", "elevenlabs_song.mp3"].map(str::to_owned).into();
    assert_eq!(names(dir.path()), left);
}

#[tokio::test]
async fn a_file_just_handed_out_stays_though_its_age_says_otherwise() {
    let dir = tempdir().unwrap();
    let config = SpeechCacheConfig { max_bytes: 0, max_age: Duration::ZERO, ..SpeechCacheConfig::new(dir.path()) };
    let cache = SpeechCache::open(config.clone()).unwrap();
    let (_, name) = cache.get_or_render(&mp3("hello"), sound(b"ID3")).await.unwrap();
    age(dir.path(), &name, Duration::from_secs(1_000_000));
    cache.clean_up().await;
    assert!(cache.open_file(&name).await.is_some());
    assert!(names(dir.path()).contains(&name));
    // Nobody was given it since this one started.
    let cache = SpeechCache::open(config).unwrap();
    age(dir.path(), &name, Duration::from_secs(1_000_000));
    cache.clean_up().await;
    assert_eq!(names(dir.path()), HashSet::new());
}

#[tokio::test]
async fn the_clean_up_task_ends_with_its_token() {
    let dir = tempdir().unwrap();
    let cache = open(dir.path());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    cache.spawn_clean_up(&tasks, stop.clone());
    tasks.close();
    assert_eq!(tasks.len(), 1);
    stop.cancel();
    tasks.wait().await;
}
