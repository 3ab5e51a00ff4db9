#[global_allocator]
static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let rt = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let req = taster_tasks::AuditRequest {
        inputs: vec![a[1].clone()],
        work: a[2].clone(),
        parameters: Default::default(),
        resources: taster_tasks::Resources {
            threads: a[3].parse().unwrap(),
            memory_bytes: a[4].parse::<u64>().unwrap() << 20,
            unit_bytes: None,
        },
    };
    let t = std::time::Instant::now();
    let audit = taster_tasks::audit(
        &req,
        rt.handle(),
        &Timed(std::sync::Mutex::new((t, String::new()))),
    )
    .unwrap();
    for f in audit.findings().iter().take(25) {
        println!(
            "{:3} {:8} {:.2} df {} N {:.2} A {:.2} U {:.2} {:?} c{} {:?}",
            f.rank,
            f.severity,
            f.score,
            f.document_frequency,
            f.novelty,
            f.asymmetry,
            f.code_points,
            f.kinds,
            f.campaign,
            f.text
        );
    }
    println!(
        "findings {} occurrences {}",
        audit.findings().len(),
        audit.occurrences.len()
    );
    if let Some(out) = a.get(5) {
        audit
            .write(&taster_storage::Store::open(out, rt.handle()).unwrap())
            .unwrap();
    }
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    println!(
        "total {:?} {}",
        t.elapsed(),
        s.lines().find(|l| l.starts_with("VmHWM")).unwrap()
    );
}

struct Timed(std::sync::Mutex<(std::time::Instant, String)>);
impl taster_tasks::Progress for Timed {
    fn wave_started(&self, w: taster_tasks::Wave, tasks: u64, bytes: u64) {
        let mut x = self.0.lock().unwrap();
        eprintln!(
            "{} took {:?}; {} {} tasks {} MB",
            x.1,
            x.0.elapsed(),
            w.name(),
            tasks,
            bytes / 1_000_000
        );
        *x = (std::time::Instant::now(), w.name().into());
    }
    fn task_done(&self, _: taster_tasks::Wave, _: u64, _: bool) {}
    fn quarantined(&self, s: &str, d: &str) {
        eprintln!("quarantined {s}: {d}");
    }
}
