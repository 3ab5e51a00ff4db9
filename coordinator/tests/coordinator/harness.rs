//! A coordinator in this process, clients, and workers that say what a test tells them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use taster_coordinator::{CommandLine, CoordinatorError, Listeners, Settings, run, settings};
use taster_planning::Parameters;
use taster_planning::schedule::{Facts, Outcome, Stage, TaskKey, WorkerId};
use taster_process::{Ending, Trigger, shutdown};
use taster_proto::v1::audit_service_client::AuditServiceClient;
use taster_proto::v1::work_service_client::WorkServiceClient;
use taster_proto::v1::{self, ConverseRequest, ConverseResponse};
use taster_proto::{FORMATS, FromWorker, Hello, PROTOCOL, ToWorker};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

/// Longer than anything should take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A place for the work store, reports and one shard of the shipped sample.
pub struct Bench(TempDir);

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/sample");
        let shard = "part-00000.parquet";
        std::fs::copy(sample.join(shard), folder.path().join("in").join(shard)).unwrap();
        Self(folder)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Whether a folder holds a file whose name ends so.
    pub fn has(&self, folder: &str, ending: &str) -> bool {
        let Ok(files) = std::fs::read_dir(self.path(folder)) else { return false };
        files.flatten().any(|file| file.file_name().to_string_lossy().ends_with(ending))
    }

    pub fn settings(&self, more: &str) -> Settings {
        let (work, allow) = (self.path("work"), self.path(""));
        let fixed = format!(
            "taster-coordinator --work {work} --allow {allow} --listen 127.0.0.1:0 \
             --metrics-listen 127.0.0.1:0 --unit-bytes 1MiB {more}"
        );
        let defaults = ["--lease 2s", "--drain-deadline 300ms"];
        let unset = |line: &&str| !more.contains(line.split(' ').next().unwrap());
        let defaults: Vec<_> = defaults.into_iter().filter(unset).collect();
        let fixed = format!("{fixed} {}", defaults.join(" "));
        let words = fixed.split_whitespace().map(Into::into);
        settings(CommandLine::read(words).unwrap()).unwrap()
    }

    pub fn start(&self, more: &str) -> Coordinator {
        Coordinator::start(&self.settings(more))
    }

    /// A submission of the sample.
    pub fn submission(&self, id: &str) -> v1::SubmitRequest {
        v1::SubmitRequest {
            inputs: vec![self.path("in")],
            out: self.path("out"),
            parameters_json: serde_json::to_string(&Parameters::default()).unwrap(),
            submission_id: id.to_owned(),
        }
    }
}

/// A coordinator that runs on a thread.
pub struct Coordinator {
    pub address: SocketAddr,
    pub page: SocketAddr,
    trigger: Trigger,
    thread: Option<JoinHandle<Result<Ending, CoordinatorError>>>,
}

impl Coordinator {
    pub fn start(settings: &Settings) -> Self {
        let listeners = Listeners::bind(settings).unwrap();
        let (address, page) = (listeners.address().unwrap(), listeners.page_address().unwrap());
        let (trigger, shutdown) = shutdown();
        let settings = settings.clone();
        let thread = std::thread::spawn(move || run(&settings, listeners, shutdown));
        Self { address, page, trigger, thread: Some(thread) }
    }

    pub async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub async fn client(&self) -> AuditServiceClient<Channel> {
        AuditServiceClient::new(self.channel().await)
    }

    /// Asks it to end and says how it did.
    pub fn terminate(&mut self) -> Result<Ending, CoordinatorError> {
        self.trigger.fire(Ending::Terminated);
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<Ending, CoordinatorError> {
        let thread = self.thread.take().unwrap();
        let started = Instant::now();
        while !thread.is_finished() {
            assert!(started.elapsed() < PATIENCE, "the coordinator does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        thread.join().unwrap()
    }

    /// The status code and body of a path of its page.
    pub fn page(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.page).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.trigger.fire(Ending::Terminated);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub fn hello(worker: &str) -> Hello {
    Hello {
        worker: WorkerId(worker.into()),
        protocol: PROTOCOL,
        formats: FORMATS,
        version: "9.8.7".into(),
        slots: 2,
        epoch: 0,
    }
}

/// A worker that does and says nothing by itself.
pub struct Worker {
    say: Option<UnboundedSender<ConverseRequest>>,
    heard: Streaming<ConverseResponse>,
}

impl Worker {
    /// Opens a conversation; nothing is said.
    pub async fn open(coordinator: &Coordinator) -> Self {
        let (say, said) = unbounded_channel();
        let mut client = WorkServiceClient::new(coordinator.channel().await);
        let heard = client.converse(UnboundedReceiverStream::new(said)).await.unwrap();
        Self { say: Some(say), heard: heard.into_inner() }
    }

    /// Opens a conversation and hears the welcome; its epoch.
    pub async fn join(coordinator: &Coordinator, name: &str) -> (Self, u64) {
        let mut worker = Self::open(coordinator).await;
        worker.say(FromWorker::Hello(hello(name)));
        match worker.hear().await.unwrap() {
            Some(ToWorker::Welcome { epoch, .. }) => (worker, epoch),
            other => panic!("expected a welcome, got {other:?}"),
        }
    }

    pub fn say(&self, message: FromWorker) {
        self.say_wire(message.into());
    }

    pub fn say_wire(&self, message: ConverseRequest) {
        let _ = self.say.as_ref().unwrap().send(message);
    }

    pub fn hang_up(&mut self) {
        self.say = None;
    }

    /// What the coordinator says next; `None` at the end of the conversation.
    pub async fn hear(&mut self) -> Result<Option<ToWorker>, Status> {
        let heard = timeout(PATIENCE, self.heard.message()).await;
        let message = heard.expect("the coordinator says something")?;
        Ok(message.map(|message| message.try_into().unwrap()))
    }

    /// The next task; beats while it waits.
    pub async fn task(&mut self) -> (TaskKey, u32) {
        loop {
            self.say(FromWorker::Beat);
            match timeout(Duration::from_millis(300), self.heard.message()).await {
                Err(_) => {}
                Ok(message) => match message.unwrap().unwrap().try_into().unwrap() {
                    ToWorker::Assign { task, attempt } => return (task, attempt),
                    ToWorker::Revoke { .. } => {}
                    other => panic!("expected a task, got {other:?}"),
                },
            }
        }
    }

    pub fn finish(&self, task: &TaskKey, attempt: u32, outcome: Outcome) {
        self.say(FromWorker::Finished { task: task.clone(), attempt, outcome });
    }

    /// Claims to have done every task, up to the first of `last` and that one included.
    pub async fn pretend(&mut self, last: Stage) {
        loop {
            let (task, attempt) = self.task().await;
            self.finish(&task, attempt, Outcome::Done(Facts { bytes: 1, tasks: 0, reused: 0 }));
            if task.stage == last {
                return;
            }
        }
    }
}

/// Calls `look` until it says yes.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let started = Instant::now();
    while !look().await {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
