//! Benjamini and Yekutieli, "The control of the false discovery rate in multiple testing under
//! dependency", Ann. Statist. 29 (2001), theorem 1.3: valid for any dependence, which n-grams
//! that overlap and axes that nest certainly have.

use std::f64::consts::LN_10;

use libm::log;

/// q up to which a place is told as one: the false-discovery rate of all that are told.
pub const SIGNIFICANT_Q: f64 = 0.05;

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: the least level at which each would be rejected.
    fn naive(p: &[f64], tests: u64) -> Vec<f64> {
        let harmonic: f64 = (1..=tests).map(|i| 1.0 / i as f64).sum();
        let at = |p_j: f64| {
            let rank = p.iter().filter(|other| **other <= p_j).count();
            p_j * tests as f64 * harmonic / rank as f64
        };
        let level = |p_i: f64| {
            let above = p.iter().filter(|p_j| **p_j >= p_i);
            above.map(|p_j| at(*p_j)).fold(1.0, f64::min)
        };
        p.iter().map(|p_i| level(*p_i)).collect()
    }

    #[test]
    fn harmonic_sums_agree_where_they_meet() {
        let exact: f64 = (1..=5000u32).rev().map(|i| 1.0 / f64::from(i)).sum();
        assert!((harmonic_sum(5000) - exact).abs() < 1e-12);
        assert!((harmonic_sum(4) - 25.0 / 12.0).abs() < 1e-15);
    }

    #[test]
    fn left_out_tests_count() {
        // One p-value among 10: q = p·10·(1 + 1/2 + … + 1/10).
        let q = benjamini_yekutieli_log10(&[-6.0], 10);
        assert!((10f64.powf(q[0]) - 1e-5 * 2.928_968_253_968_254).abs() < 1e-15);
        assert!(benjamini_yekutieli_log10(&[], 10).is_empty());
        assert!(benjamini_yekutieli_log10(&[-800.0], 10)[0] < -798.0);
    }

    proptest! {
        #[test]
        fn equals_the_definition(p in prop::collection::vec(1e-9f64..1.0, 1..30), more in 0u64..200) {
            let tests = p.len() as u64 + more;
            let logs: Vec<f64> = p.iter().map(|p| p.log10()).collect();
            for (fast, slow) in benjamini_yekutieli_log10(&logs, tests).iter().zip(naive(&p, tests)) {
                prop_assert!((10f64.powf(*fast) - slow).abs() <= 1e-9 * slow);
            }
        }

        #[test]
        fn leaving_out_large_ones_is_safe(mut p in prop::collection::vec(-9.0f64..0.0, 2..30)) {
            p.sort_by(f64::total_cmp);
            let all = benjamini_yekutieli_log10(&p, p.len() as u64);
            let some = benjamini_yekutieli_log10(&p[..p.len() / 2], p.len() as u64);
            prop_assert!(some.iter().zip(&all).all(|(some, all)| some >= &(all - 1e-12)));
        }
    }
}
