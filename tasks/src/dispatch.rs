//! The in-process dispatcher: runs the independent tasks of a wave on plain threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::TaskError;

/// Runs `work` for every task on up to `threads` threads and returns the results in task order.
/// After the first error no new task is started; the error of the lowest task is returned.
pub(crate) fn run_wave<T: Sync, R: Send>(
    threads: usize,
    tasks: &[T],
    work: impl Fn(&T) -> Result<R, TaskError> + Sync,
) -> Result<Vec<R>, TaskError> {
    let results: Vec<Mutex<Option<Result<R, TaskError>>>> =
        tasks.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(index) else { return };
            let result = work(task);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            *results[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(tasks.len()).max(1) {
            scope.spawn(run);
        }
        run();
    });
    // Tasks are taken in order, so every task before a failed one has a result.
    let results = results
        .into_iter()
        .map_while(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    results.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn results_keep_task_order_for_any_number_of_threads() {
        let tasks: Vec<u32> = (0..100).collect();
        for threads in [1, 2, 7] {
            let results = run_wave(threads, &tasks, |task| Ok(task * 2)).unwrap();
            assert_eq!(results, tasks.iter().map(|task| task * 2).collect::<Vec<_>>());
        }
        assert!(run_wave(3, &[0u8; 0], |_| Ok(())).unwrap().is_empty());
    }

    #[test]
    fn an_error_stops_the_wave() {
        let tasks: Vec<u32> = (0..100).collect();
        let started = AtomicUsize::new(0);
        let result = run_wave(2, &tasks, |task| {
            started.fetch_add(1, Ordering::Relaxed);
            if *task == 3 { Err(TaskError::Parameter("three".into())) } else { Ok(()) }
        });
        assert_eq!(result.unwrap_err().to_string(), "three");
        assert!(started.load(Ordering::Relaxed) < 100);
    }
}
