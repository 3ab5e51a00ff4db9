#[global_allocator] static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let req = taster_tasks::AuditRequest { inputs: vec![a[1].clone()], work: a[2].clone(), parameters: Default::default(), resources: taster_tasks::Resources { threads: a[3].parse().unwrap(), memory_bytes: a[4].parse::<u64>().unwrap() << 20, unit_bytes: None } };
    let t = std::time::Instant::now();
    taster_tasks::audit(&req, rt.handle(), &taster_tasks::Silent).unwrap();
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("total {:?} {}", t.elapsed(), s.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
