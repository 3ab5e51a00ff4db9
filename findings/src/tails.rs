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
    let tail = Tail {
        lowest,
        highest,
        mean: good * sample / total,
        early_end: true,
    };
    tail.upper_log10(seen, ratio, |x| ln_hypergeometric(population, marked, drawn, x))
}

/// `log10 P[X >= seen]` for X ~ binomial(`trials`, `probability`), probability in 0..=1.
#[must_use]
pub fn binomial_upper_log10(trials: u64, probability: f64, seen: u64) -> f64 {
    let odds = probability / (1.0 - probability);
    let ratio = |k: u64| (trials - k) as f64 / (k + 1) as f64 * odds;
    let tail = Tail {
        lowest: 0,
        highest: trials,
        mean: trials as f64 * probability,
        early_end: true,
    };
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
    let tail = Tail {
        lowest: 0,
        highest: trials,
        mean: n * mean,
        early_end: a >= 1.0 && b >= 1.0,
    };
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
    part * log(all / part) + rest * log(all / rest)
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
