//! Benjamini and Yekutieli, "The control of the false discovery rate in multiple testing under
//! dependency", Ann. Statist. 29 (2001), theorem 1.3: valid for any dependence, which n-grams
//! that overlap and axes that nest certainly have.

use std::f64::consts::LN_10;

use libm::log;

/// Euler's constant.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// Up to here the harmonic sum is added term by term; beyond, the expansion is exact to 1e-13.
const HARMONIC_EXACT: u64 = 1000;

/// log10 of the adjusted p-values (q-values), in the order of the input.
///
/// `log10_p` are the smallest of `tests` p-values; those left out still count in `tests`.
/// Leaving large ones out can only make a q larger, never smaller.
#[must_use]
pub fn benjamini_yekutieli_log10(log10_p: &[f64], tests: u64) -> Vec<f64> {
    let tests = tests.max(log10_p.len() as u64).max(1);
    let factor = log10(tests as f64) + log10(harmonic_sum(tests));
    let mut order: Vec<usize> = (0..log10_p.len()).collect();
    order.sort_by(|&a, &b| log10_p[a].total_cmp(&log10_p[b]).then(a.cmp(&b)));
    let mut adjusted = vec![0.0; log10_p.len()];
    let mut smallest = 0.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        smallest = smallest.min(log10_p[index] + factor - log10((rank + 1) as f64));
        adjusted[index] = smallest;
    }
    adjusted
}

/// 1 + 1/2 + … + 1/n; the asymptotic expansion (DLMF 2.10.8) beyond a thousand terms.
#[must_use]
pub fn harmonic_sum(n: u64) -> f64 {
    if n <= HARMONIC_EXACT {
        return (1..=n).rev().map(|i| 1.0 / i as f64).sum();
    }
    let x = n as f64;
    log(x) + EULER_GAMMA + 0.5 / x - 1.0 / (12.0 * x * x)
}

fn log10(x: f64) -> f64 {
    log(x) / LN_10
}
