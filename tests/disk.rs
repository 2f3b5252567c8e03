//! Real disks that are full, and folders that may not be written: what the server says at its start, how calls go on, and that nothing
//! of them is lost once there is room again.
//!
//! The disk is a small tmpfs in a mount namespace of its own. Where mounting is not permitted, a limit on the size of the server's
//! files is set and lifted instead (`RLIMIT_FSIZE`); that way is tried in any case.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How a disk is made full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A file that leaves no room on a small file system.
    Mount,
    /// A limit on the size of files.
    Limit,
}

/// A folder, and a shell beside it that fills and empties its disk and starts the server there.
struct Disk {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    log: Receiver<String>,
    address: String,
    _folder: TempDir,
}

impl Disk {
    /// By mounting where that is permitted.
    fn new() -> Self {
        Self::by(Way::Mount).unwrap_or_else(|| Self::by(Way::Limit).expect("limits can be set everywhere"))
    }

    fn by(way: Way) -> Option<Self> {
        match way {
            Way::Limit => Self::open(way, &["sh"]),
            // As root, else as who is root in a namespace of his own.
            Way::Mount => {
                Self::open(way, &["unshare", "-m", "sh"]).or_else(|| Self::open(way, &["unshare", "-rm", "sh"]))
            }
        }
    }

    fn open(way: Way, program: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["disk", "agents"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("agents/quick.toml"), include_str!("server/quick.toml")).unwrap();
        let mut shell = Command::new(program[0]);
        shell.args(&program[1..]).args(["-c", SCRIPT, "sh"]);
        shell.arg(format!("{way:?}")).arg(folder.path()).arg(env!("CARGO_BIN_EXE_trunkline"));
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut shell = shell.spawn().ok()?;
        let (lines, log) = sync_channel(10_000);
        let errors = shell.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                // The receiver may be gone; the pipe must be emptied all the same.
                lines.try_send(line).ok();
            }
        });
        let (orders, answers) = (shell.stdin.take(), BufReader::new(shell.stdout.take().unwrap()));
        let mut disk = Self { shell, orders, answers, log, address: String::new(), _folder: folder };
        // Where there is no such disk the shell is gone without a word.
        (disk.answer() == "ready").then_some(disk)
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Has the shell do something; what it says of it.
    fn order(&mut self, word: &str) -> String {
        writeln!(self.orders.as_mut().unwrap(), "{word}").unwrap();
        self.answer()
    }

    /// Starts the server and waits until it listens.
    fn serve(&mut self) {
        assert_eq!(self.order("serve"), "serve");
        let line = self.told("listening").unwrap_or_else(|all| panic!("it does not start: {all}"));
        let entry: Value = serde_json::from_str(&line).unwrap();
        self.address = entry["address"].as_str().unwrap().to_owned();
    }

    /// Starts a server that is expected to refuse: its exit code, and what it said of the folder.
    fn refused(&mut self) -> (String, String) {
        assert_eq!(self.order("serve"), "serve");
        let said = self.told("trunkline: ").unwrap_or_else(|all| panic!("it does not refuse: {all}"));
        (self.order("wait"), said)
    }

    /// The first line of the log from here on that has this text; all lines there were where it does not come.
    fn told(&self, wanted: &str) -> Result<String, String> {
        let mut all = String::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if line.contains(wanted) {
                return Ok(line);
            }
            all.push_str(&line);
            all.push('\n');
        }
        Err(all)
    }

    fn request(&self, head: &str, form: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let kind = "application/x-www-form-urlencoded";
        let rest =
            format!("Host: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}", form.len());
        write!(socket, "{head} HTTP/1.1\r\n{rest}\r\n\r\n{form}").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn post(&self, target: &str, form: &str) -> String {
        self.request(&format!("POST {target}"), form)
    }

    fn get(&self, target: &str) -> String {
        self.request(&format!("GET {target}"), "")
    }

    /// The document of a call.
    fn call(&self, sid: &str) -> Value {
        let answer = self.get(&format!("/api/calls/{sid}"));
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Somebody calls; the target of the first `<Gather>`.
    fn voice(&self, sid: &str) -> String {
        let target = "/voice?agent_type=QUICK&mode=gather&language=en-IN";
        gathers(&self.post(target, &format!("CallSid={sid}&Direction=inbound&From=%2B919876543210")))
    }

    /// Asks until it is so.
    fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !so(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: {}", self.get("/readyz"));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The shell ends with its orders, and stops the server.
        drop(self.orders.take());
        self.shell.wait().ok();
    }
}

/// The target of a document's `<Gather>`.
fn gathers(twiml: &str) -> String {
    let (_, action) = twiml.split_once("<Gather").unwrap_or_else(|| panic!("no question in {twiml}"));
    let target = &action[action.find("/process-response").unwrap()..];
    target.split('"').next().unwrap().replace("&amp;", "&")
}

fn a_full_disk_is_told_and_felt_by_no_caller(mut disk: Disk) {
    disk.serve();
    let (one, two) = ("CA00000000000000000000000000000001", "CA00000000000000000000000000000002");
    let target = disk.voice(one);
    assert!(disk.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(disk.get("/metrics").contains("\ntrunkline_journal_writable 1\n"));

    assert_eq!(disk.order("fill"), "fill");
    let target = gathers(&disk.post(&target, &format!("CallSid={one}&SpeechResult=five+hundred+rupees")));
    let line = disk.told("finished turns are not being kept").expect("the log says so");
    assert!(line.contains("DATA_DIR"), "and what to do: {line}");
    let ready = disk.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains(r#""journal_writable":false"#), "{ready}");
    let metrics = disk.get("/metrics");
    assert!(metrics.contains("\ntrunkline_journal_writable 0\n"), "{metrics}");
    assert!(metrics.contains("\ntrunkline_journal_save_failures_total "), "{metrics}");
    // The call goes on to its end, and another one begins.
    let last = disk.post(&target, &format!("CallSid={one}&SpeechResult=two+pm+to+five+pm"));
    assert!(last.contains("<Hangup") && last.contains("<Say"), "{last}");
    disk.voice(two);
    assert_ne!(disk.call(one)["stage"], "completed", "nothing of it is on the disk");

    assert_eq!(disk.order("free"), "free");
    // By itself: nobody calls a server that is not ready.
    disk.until("it is ready again", |disk| disk.get("/readyz").starts_with("HTTP/1.1 200"));
    disk.told("finished turns are being kept again").expect("the log says so");
    assert!(disk.get("/metrics").contains("\ntrunkline_journal_writable 1\n"));
    disk.until("what was not kept is", |disk| {
        disk.call(one)["stage"] == "completed" && disk.call(two)["call_sid"] == two
    });
    assert_eq!(disk.order("kill"), "kill");
    disk.serve();
    let kept = disk.call(one);
    assert_eq!(
        (&kept["stage"], &kept["data"]["charge"], &kept["data"]["time"]),
        (&Value::from("completed"), &Value::from("₹500"), &Value::from("2-5pm"))
    );
    assert_eq!(disk.call(two)["call_sid"], two);
}

#[test]
fn a_disk_that_is_full_while_calls_are_held_is_told_and_felt_by_no_caller() {
    a_full_disk_is_told_and_felt_by_no_caller(Disk::new());
}

#[test]
fn a_limit_on_files_that_is_reached_while_calls_are_held_is_told_and_felt_by_no_caller() {
    a_full_disk_is_told_and_felt_by_no_caller(Disk::by(Way::Limit).unwrap());
}

#[test]
fn a_disk_that_is_full_at_the_start_is_said_with_what_to_do() {
    for mut disk in [Disk::new(), Disk::by(Way::Limit).unwrap()] {
        assert_eq!(disk.order("fill"), "fill");
        let (code, said) = disk.refused();
        assert_eq!(code, "exit 1", "{said}");
        assert!(said.contains("DATA_DIR ") && said.contains("no room left") && said.contains("make room"), "{said}");
        // And then it starts.
        assert_eq!(disk.order("free"), "free");
        disk.serve();
        assert!(disk.get("/readyz").starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_said_with_what_to_do() {
    for mut disk in [Some(Disk::by(Way::Limit).unwrap()), Disk::by(Way::Mount)].into_iter().flatten() {
        assert_eq!(disk.order("forbid"), "forbid");
        let (code, said) = disk.refused();
        assert_eq!(code, "exit 1", "{said}");
        assert!(said.contains("DATA_DIR ") && said.contains("may not be written"), "{said}");
        assert!(said.contains("let this user write there, or name another folder"), "{said}");
    }
}

/// `$1`: the way; `$2`: the folder; `$3`: the program. Does what its lines say, and says each back.
const SCRIPT: &str = r#"
disk=$2/disk data=$2/disk/data pid= small= as=
case $1 in
    Mount) mount -t tmpfs -o size=4m tmpfs "$disk" 2>/dev/null || exit 0 ;;
    # The signal would end whoever meets the limit.
    Limit) trap '' XFSZ ;;
esac
echo ready
while read -r word; do
    case $1-$word in
        Mount-fill) dd if=/dev/zero of="$disk/ballast" bs=4k 2>/dev/null ;;
        Mount-free) rm -f "$disk/ballast" ;;
        Limit-fill) small=1; [ -z "$pid" ] || prlimit --pid "$pid" --fsize=4096: ;;
        Limit-free) small=; [ -z "$pid" ] || prlimit --pid "$pid" --fsize=unlimited: ;;
        Mount-forbid) mount -o remount,bind,ro "$disk" ;;
        # Root may write everywhere, unless it is denied that.
        Limit-forbid) chmod 500 "$disk"; ! touch "$disk/root" 2>/dev/null || as="setpriv --bounding-set=-dac_override" ;;
        *-serve)
            (
                cd "$2" || exit 1
                [ -z "$small" ] || ulimit -S -f 8
                exec $as env -i AGENTS_DIR=agents AUDIO_DIR=audio DATA_DIR="$data" \
                    "$3" serve --listen 127.0.0.1:0 --log-format json </dev/null >/dev/null
            ) &
            pid=$! ;;
        *-kill) kill -9 "$pid"; wait "$pid" 2>/dev/null; pid= ;;
        *-wait) wait "$pid"; word="exit $?"; pid= ;;
    esac
    echo "$word"
done
[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
"#;

const PATIENCE: Duration = Duration::from_secs(30);
