//! Exact upper tails of discrete distributions, as decimal logarithms, without underflow.
//!
//! Point probabilities use the saddle-point form of C. Loader, "Fast and Accurate Computation of
//! Binomial Probabilities" (2000), which keeps full relative precision where a difference of
//! log-gammas would cancel (populations of 10^9 documents). A tail is the first term times a sum
//! of ratios, ended when what is left cannot change the result.

use std::f64::consts::{LN_10, PI};
use std::sync::LazyLock;

use libm::{log, log1p};

/// A sum ends when a rigorous bound on the rest is below this share of it: far below the
/// precision of a probability anyone reads, and above rounding, so that it always ends.
const NEGLIGIBLE: f64 = 1e-15;

/// Below this correlation the beta-binomial is the binomial within rounding of its log-gammas.
const RHO_MIN: f64 = 1e-9;

/// Correlation 1 would divide by zero; beyond this the tail is the chance of one document.
const RHO_MAX: f64 = 1.0 - 1e-9;

/// Arguments below this are shifted up before Stirling's series: at 16 five terms are exact.
const STIRLING_FROM: f64 = 16.0;

/// `log10 P[X >= seen]` for X ~ hypergeometric: `drawn` documents out of `population`, of which
/// `marked` are in the locality. 0 when `seen` is 0; negative infinity when it is impossible.
#[must_use]
pub fn hypergeometric_upper_log10(population: u64, marked: u64, drawn: u64, seen: u64) -> f64 {
    let (total, good, sample) = (population as f64, marked as f64, drawn as f64);
    let lowest = (marked + drawn).saturating_sub(population);
    let highest = marked.min(drawn);
    let ratio = |k: u64| {
        let x = k as f64;
        (good - x) * (sample - x) / ((x + 1.0) * (total - good - sample + x + 1.0))
    };
    let tail = Tail { lowest, highest, mean: good * sample / total, early_end: true };
    tail.upper_log10(seen, ratio, |x| ln_hypergeometric(population, marked, drawn, x))
}

/// `log10 P[X >= seen]` for X ~ binomial(`trials`, `probability`), probability in 0..=1.
#[must_use]
pub fn binomial_upper_log10(trials: u64, probability: f64, seen: u64) -> f64 {
    let odds = probability / (1.0 - probability);
    let ratio = |k: u64| (trials - k) as f64 / (k + 1) as f64 * odds;
    let tail =
        Tail { lowest: 0, highest: trials, mean: trials as f64 * probability, early_end: true };
    tail.upper_log10(seen, ratio, |x| ln_binomial(x, trials, probability))
}

/// `log10 P[X >= seen]` for X ~ beta-binomial with `trials`, mean share `mean` in 0..=1 and
/// intra-class correlation `rho` in 0..=1 (a = mean·(1-rho)/rho, b = (1-mean)·(1-rho)/rho;
/// J. G. Skellam, J. R. Stat. Soc. B 10, 1948). Correlation 0 is the binomial.
#[must_use]
pub fn beta_binomial_upper_log10(trials: u64, mean: f64, rho: f64, seen: u64) -> f64 {
    if rho < RHO_MIN || mean <= 0.0 || mean >= 1.0 {
        return binomial_upper_log10(trials, mean, seen);
    }
    let scale = (1.0 - rho.min(RHO_MAX)) / rho.min(RHO_MAX);
    let (a, b) = (mean * scale, (1.0 - mean) * scale);
    let n = trials as f64;
    let ratio = |k: u64| {
        let x = k as f64;
        (n - x) * (a + x) / ((x + 1.0) * (b + n - x - 1.0))
    };
    let tail = Tail { lowest: 0, highest: trials, mean: n * mean, early_end: a >= 1.0 && b >= 1.0 };
    tail.upper_log10(seen, ratio, |x| ln_beta_binomial(x, trials, a, b))
}

/// The shape of a discrete distribution whose tail is summed.
struct Tail {
    lowest: u64,
    highest: u64,
    mean: f64,
    /// Ratios of neighbours never rise, so a geometric series bounds the rest of a sum.
    early_end: bool,
}

impl Tail {
    /// Sums from `seen` up, or takes the complement of the sum below it, whichever is short.
    fn upper_log10(
        &self,
        seen: u64,
        ratio: impl Fn(u64) -> f64,
        ln_point: impl Fn(u64) -> f64,
    ) -> f64 {
        if seen <= self.lowest {
            return 0.0;
        }
        if seen > self.highest {
            return f64::NEG_INFINITY;
        }
        if seen as f64 > self.mean {
            let up = (seen..self.highest).map(&ratio);
            let ln_tail = ln_point(seen) + log(self.sum(up));
            return (ln_tail / LN_10).min(0.0);
        }
        let down = (self.lowest..seen - 1).rev().map(|k| 1.0 / ratio(k));
        let below = libm::exp(ln_point(seen - 1) + log(self.sum(down)));
        (log1p(-below.min(1.0 - f64::EPSILON)) / LN_10).min(0.0)
    }

    /// 1 + r1 + r1·r2 + …
    fn sum(&self, ratios: impl Iterator<Item = f64>) -> f64 {
        let (mut sum, mut term) = (1.0, 1.0);
        for ratio in ratios {
            term *= ratio;
            sum += term;
            let rest_is_small = term * ratio <= NEGLIGIBLE * sum * (1.0 - ratio);
            if self.early_end && ratio < 1.0 && rest_is_small {
                break;
            }
        }
        sum
    }
}

/// ln P[X = x], hypergeometric, as a quotient of three binomials with the sampling share
/// (Loader, section 4).
fn ln_hypergeometric(population: u64, marked: u64, drawn: u64, x: u64) -> f64 {
    let share = drawn as f64 / population as f64;
    ln_binomial(x, marked, share) + ln_binomial(drawn - x, population - marked, share)
        - ln_binomial(drawn, population, share)
}

/// ln P[X = x] for X ~ binomial(n, p), saddle-point form.
fn ln_binomial(x: u64, n: u64, p: f64) -> f64 {
    let q = 1.0 - p;
    if x == 0 {
        return if n == 0 { 0.0 } else { n as f64 * log1p(-p) };
    }
    if x == n {
        return n as f64 * log(p);
    }
    if p <= 0.0 || q <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let (hits, misses, trials) = (x as f64, (n - x) as f64, n as f64);
    let correction = stirling_error(n) - stirling_error(x) - stirling_error(n - x);
    let deviance = deviance_part(hits, trials * p) + deviance_part(misses, trials * q);
    correction - deviance + 0.5 * log(trials / (2.0 * PI * hits * misses))
}

/// ln P[X = x] for the beta-binomial with shapes a and b.
fn ln_beta_binomial(x: u64, n: u64, a: f64, b: f64) -> f64 {
    let (hits, misses) = (x as f64, (n - x) as f64);
    ln_choose(n, x) + ln_beta(hits + a, misses + b) - ln_beta(a, b)
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// ln of the binomial coefficient; negative infinity when k > n.
#[must_use]
pub fn ln_choose(n: u64, k: u64) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    if k == 0 || k == n {
        return 0.0;
    }
    let (all, part, rest) = (n as f64, k as f64, (n - k) as f64);
    let correction = stirling_error(n) - stirling_error(k) - stirling_error(n - k);
    part * log1p(rest / part)
        + rest * log1p(part / rest)
        + correction
        + 0.5 * log(all / (2.0 * PI * part * rest))
}

/// Natural logarithm of the gamma function for x > 0: Stirling's series (DLMF 5.11.1) after
/// shifting the argument to at least 16 by the recurrence Γ(x+1) = xΓ(x).
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < STIRLING_FROM {
        product *= shifted;
        shifted += 1.0;
    }
    let leading = (shifted - 0.5) * log(shifted) - shifted + 0.5 * log(2.0 * PI);
    leading + stirling_series(shifted) - log(product)
}

/// 1/(12x) - 1/(360x³) + … with Bernoulli numbers, DLMF 5.11.1.
fn stirling_series(x: f64) -> f64 {
    let square = x * x;
    let inner = 1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * square)) / square;
    (1.0 / 12.0 - (1.0 / 360.0 - inner / square) / square) / x
}

/// ln n! minus Stirling's approximation of it: exact table up to 15, the series beyond.
fn stirling_error(n: u64) -> f64 {
    static SMALL: LazyLock<[f64; 16]> = LazyLock::new(|| std::array::from_fn(small_stirling_error));
    usize::try_from(n)
        .ok()
        .and_then(|index| SMALL.get(index).copied())
        .unwrap_or_else(|| stirling_series(n as f64))
}

/// From the factorial itself, which f64 holds exactly up to 15!.
fn small_stirling_error(n: usize) -> f64 {
    let factorial: f64 = (1..=n).map(|i| i as f64).product();
    let x = n as f64;
    if n == 0 {
        return 0.0;
    }
    log(factorial) - ((x + 0.5) * log(x) - x + 0.5 * log(2.0 * PI))
}

/// x·ln(x/m) + m - x without cancellation near x = m (Loader's `bd0`).
fn deviance_part(x: f64, m: f64) -> f64 {
    let gap = x - m;
    if gap.abs() >= 0.1 * (x + m) {
        return x * log(x / m) - gap;
    }
    let v = gap / (x + m);
    let square = v * v;
    let (mut power, mut sum) = (2.0 * x * v * square, gap * v);
    for odd in (3..).step_by(2) {
        let next = sum + power / f64::from(odd);
        if next == sum {
            break;
        }
        sum = next;
        power *= square;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Exact integers, good up to n = 60.
    fn choose(n: u64, k: u64) -> u128 {
        (0..k).fold(1, |c, i| c * u128::from(n - i) / u128::from(i + 1))
    }

    fn naive_hypergeometric(population: u64, marked: u64, drawn: u64, seen: u64) -> f64 {
        let ways: u128 = (seen..=marked.min(drawn))
            .filter(|x| drawn - x <= population - marked)
            .map(|x| choose(marked, x) * choose(population - marked, drawn - x))
            .sum();
        (ways as f64 / choose(population, drawn) as f64).log10()
    }

    fn naive_binomial(n: u64, p: f64, seen: u64) -> f64 {
        let point =
            |x: u64| choose(n, x) as f64 * p.powi(x as i32) * (1.0 - p).powi((n - x) as i32);
        (seen..=n).map(point).sum::<f64>().log10()
    }

    /// Polya's urn: rising products, no gamma function.
    fn naive_beta_binomial(n: u64, mean: f64, rho: f64, seen: u64) -> f64 {
        let scale = (1.0 - rho) / rho;
        let (a, b) = (mean * scale, (1.0 - mean) * scale);
        let rising = |base: f64, k: u64| (0..k).map(|i| base + i as f64).product::<f64>();
        let point =
            |x: u64| choose(n, x) as f64 * rising(a, x) * rising(b, n - x) / rising(a + b, n);
        (seen..=n).map(point).sum::<f64>().log10()
    }

    fn close(got: f64, expected: f64) -> bool {
        got == expected || (got - expected).abs() <= 1e-9 * expected.abs().max(1.0)
    }

    #[test]
    fn hypergeometric_known_values() {
        // Exact rationals (big integers), rounded once at the end.
        let known = [
            ((1_000_000, 1000, 50, 10), -20.023_558_901_560_674),
            ((21_811, 237, 10, 10), -19.721_961_500_272_198),
            ((21_811, 2000, 300, 40), -1.979_196_445_215_095),
            ((1_000_000_000, 100_000, 400, 7), -13.525_956_600_483_486),
            ((5000, 2500, 1000, 480), -0.033_190_828_872_578),
            ((1_000_000, 10, 2000, 1), -1.702_873_451_576_526),
            ((100_000, 50_000, 500, 499), -148.355_317_167_016_44),
        ];
        for ((population, marked, drawn, seen), expected) in known {
            let got = hypergeometric_upper_log10(population, marked, drawn, seen);
            assert!((got - expected).abs() < 1e-11 * expected.abs().max(0.1), "{got} {expected}");
        }
    }

    #[test]
    fn binomial_and_beta_binomial_known_values() {
        let binomial = [
            ((10, 1.0 / 1024.0, 10), -30.102_999_566_398_12),
            ((2000, 1.0 / 128.0, 60), -17.162_920_050_366_356),
            ((500, 0.25, 100), -0.001_548_586_589_050),
            ((1000, 1.0 / 1024.0, 200), -386.577_085_398_400_24),
        ];
        for ((n, p, seen), expected) in binomial {
            let got = binomial_upper_log10(n, p, seen);
            assert!((got - expected).abs() < 1e-11 * expected.abs().max(0.1), "{got} {expected}");
        }
        let beta_binomial = [
            ((20, 0.125, 0.25, 15), -1.900_275_385_687_573),
            ((100, 1.0 / 64.0, 1.0 / 16.0, 30), -3.177_031_115_672_58),
            ((60, 0.5, 0.75, 60), -0.613_662_247_987_670),
            ((200, 0.01, 0.001, 12), -4.603_411_829_567_063),
            ((50, 0.75, 0.5, 5), -0.023_975_214_925_461),
        ];
        for ((n, mean, rho, seen), expected) in beta_binomial {
            assert!(close(beta_binomial_upper_log10(n, mean, rho, seen), expected));
        }
    }

    #[test]
    fn log_gamma_known_values() {
        assert!((ln_gamma(171.0) - 706.573_062_245_787_3).abs() < 1e-11);
        assert!((ln_gamma(0.5) - 0.572_364_942_924_700_1).abs() < 1e-14);
        assert!((ln_gamma(0.001) - 6.907_178_885_383_854).abs() < 1e-13);
        assert!((ln_gamma(1_000_001.0) - 12_815_518.384_658_169).abs() < 1e-7);
        assert!((ln_choose(1_000_000, 1000) - 7_902.882_712_976_144).abs() < 1e-9);
        assert!((ln_choose(1_000_000_000, 50) - 887.685_523_670_547_5).abs() < 1e-10);
        assert_eq!(ln_choose(3, 4), f64::NEG_INFINITY);
    }

    #[test]
    fn borders() {
        assert_eq!(hypergeometric_upper_log10(10, 3, 4, 0), 0.0);
        assert_eq!(hypergeometric_upper_log10(10, 3, 4, 4), f64::NEG_INFINITY);
        assert_eq!(hypergeometric_upper_log10(10, 10, 4, 4), 0.0);
        assert_eq!(hypergeometric_upper_log10(10, 8, 5, 3), 0.0);
        assert_eq!(hypergeometric_upper_log10(0, 0, 0, 0), 0.0);
        assert_eq!(binomial_upper_log10(5, 0.0, 1), f64::NEG_INFINITY);
        assert_eq!(binomial_upper_log10(5, 1.0, 5), 0.0);
        assert_eq!(beta_binomial_upper_log10(5, 0.5, 0.0, 6), f64::NEG_INFINITY);
        assert!((beta_binomial_upper_log10(9, 0.01, 1.0, 9) + 2.0).abs() < 1e-6);
        // Far below the smallest f64, still a number.
        assert!(hypergeometric_upper_log10(1_000_000_000, 2000, 2000, 2000) < -5000.0);
        assert!(hypergeometric_upper_log10(1_000_000_000, 2000, 2000, 2000).is_finite());
    }

    proptest! {
        #[test]
        fn hypergeometric_equals_counting(population in 1u64..60, a in 0u64..60, b in 0u64..60, x in 0u64..60) {
            let (marked, drawn) = (a % (population + 1), b % (population + 1));
            let seen = x % (marked.min(drawn) + 1);
            let naive = naive_hypergeometric(population, marked, drawn, seen);
            prop_assert!(close(hypergeometric_upper_log10(population, marked, drawn, seen), naive));
        }

        #[test]
        fn binomial_equals_counting(n in 0u64..50, p in 0.001f64..0.999, x in 0u64..50) {
            let seen = x % (n + 1);
            prop_assert!(close(binomial_upper_log10(n, p, seen), naive_binomial(n, p, seen)));
        }

        #[test]
        fn beta_binomial_equals_the_urn(n in 1u64..40, mean in 0.01f64..0.99, rho in 0.01f64..0.99, x in 0u64..40) {
            let seen = x % (n + 1);
            let naive = naive_beta_binomial(n, mean, rho, seen);
            prop_assert!((beta_binomial_upper_log10(n, mean, rho, seen) - naive).abs() < 1e-9 * naive.abs().max(1.0));
        }

        #[test]
        fn tails_fall(population in 100u64..1_000_000, a in 0u64..1_000_000, n in 1u64..500) {
            let marked = a % population;
            let tails: Vec<f64> = (0..=n.min(100)).map(|x| hypergeometric_upper_log10(population, marked, n.min(population), x)).collect();
            prop_assert!(tails.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
            prop_assert!(tails.iter().all(|tail| *tail <= 0.0));
        }
    }
}
