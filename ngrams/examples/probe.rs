use std::collections::HashMap;
use std::time::Instant;
use taster_ngrams::{Segment, Tokenizer, Words, block, count::*, object::*};
fn main() {
    let bytes = std::fs::read("/tmp/corpus.bin").unwrap();
    let mut docs = vec![];
    let mut at = 0;
    while at < bytes.len() {
        let n = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        docs.push(std::str::from_utf8(&bytes[at + 4..at + 4 + n]).unwrap());
        at += 4 + n;
    }
    let total: usize = docs.iter().map(|d| d.len()).sum();
    let mut h = vec![];
    for _ in 0..2 {
        let t = Instant::now();
        let mut tok = 0;
        for d in &docs {
            h.clear();
            Words.hashes(d, 1, &mut h);
            tok += h.len();
        }
        let s = t.elapsed().as_secs_f64();
        println!(
            "tokenise {:.0} MB/s {:.1} ns/token tokens {}",
            total as f64 / 1e6 / s,
            s * 1e9 / tok as f64,
            tok
        );
    }
    let budget: usize = std::env::args()
        .nth(1)
        .map_or(4_000_000, |x| x.parse().unwrap());
    let mut seg = Segment::default();
    let mut c = Counter::default();
    let mut runs = vec![];
    let t = Instant::now();
    let mut ts = 0.0;
    let mut tokens = 0;
    for (i, d) in docs.iter().enumerate() {
        if !seg.has_room(d.len() / 3, budget) {
            let t1 = Instant::now();
            tokens += seg.tokens();
            runs.push(c.count(&seg, 1..=5, 1, [0; 32]));
            ts += t1.elapsed().as_secs_f64();
            seg.clear();
        }
        seg.push(d, &Words, 1);
        if i + 1 == docs.len() {
            tokens += seg.tokens();
            runs.push(c.count(&seg, 1..=5, 1, [0; 32]));
        }
    }
    let s = t.elapsed().as_secs_f64();
    let rb: usize = runs.iter().map(|r| r.1.len()).sum();
    println!(
        "count {:.1} MB/s, {:.1} ns/token (kernel {:.1}), runs {} bytes {} = {:.2} B/token",
        total as f64 / 1e6 / s,
        s * 1e9 / tokens as f64,
        ts * 1e9 / tokens as f64,
        runs.len(),
        rb,
        rb as f64 / tokens as f64
    );
    if std::env::args().nth(2).is_some() {
        // global df
        let mut df: HashMap<u64, (u8, u32, u32)> = HashMap::new();
        let mut n = [0u64; 9];
        for (head, body) in &runs {
            let b = [head.as_slice(), body].concat();
            let d = Directory::parse(&b, b.len() as u64).unwrap();
            let r = d.range(0, SLICES);
            let mut rest = &b[r.start as usize..r.end as usize];
            while let Some(f) = take_frame(&mut rest).unwrap() {
                let (_, o) = unlabel(f.label);
                block::decode(f.payload, |e| {
                    n[o as usize] += 1;
                    let x = df.entry(e.fingerprint).or_insert((o, 0, 0));
                    x.1 += e.low;
                    x.2 += e.high;
                })
                .unwrap();
            }
        }
        println!("entries per order {:?}", n);
        for o in 1..=5u8 {
            let v: Vec<_> = df.values().filter(|x| x.0 == o).collect();
            println!(
                "order {o}: distinct {} df>=2 {} df>=10 {} df>2000 {} Σdf[10..2000] {}",
                v.len(),
                v.iter().filter(|x| x.1 >= 2).count(),
                v.iter().filter(|x| x.1 >= 10).count(),
                v.iter().filter(|x| x.1 > 2000).count(),
                v.iter()
                    .filter(|x| x.1 >= 10 && x.1 <= 2000)
                    .map(|x| x.1 as u64)
                    .sum::<u64>()
            );
        }
        // closed hits
        use taster_ngrams::fingerprint::fingerprint;
        let mut hits = [0u64; 6];
        let mut closed = [0u64; 6];
        let mut cl_once = [0u64; 6];
        let mut bysz = [0u64; 6];
        for d in docs.iter() {
            h.clear();
            Words.hashes(d, 1, &mut h);
            let n = h.len();
            let mut D = vec![vec![0u32; n]; 7];
            for o in 1..=5 {
                for i in 0..n.saturating_sub(o - 1) {
                    let x = df[&fingerprint(&h[i..i + o])].1;
                    D[o][i] = x;
                }
            }
            let mut seen = std::collections::HashSet::new();
            let mut dead = std::collections::HashSet::new();
            for o in 1..=5 {
                for i in 0..n.saturating_sub(o - 1) {
                    let x = D[o][i];
                    if x >= 10 && x <= 2000 {
                        let f = fingerprint(&h[i..i + o]);
                        hits[o] += 1;
                        let ext = if o < 5 {
                            (i + o < n && D[o + 1][i] == x) || (i > 0 && D[o + 1][i - 1] == x)
                        } else {
                            i > 0 && i + o < n && D[5][i - 1] == x && D[5][i + 1] == x
                        };
                        if ext {
                            dead.insert(f);
                        } else {
                            closed[o] += 1;
                            seen.insert((o, f));
                        }
                    }
                }
            }
            for (o, f) in seen {
                if o == 5 || !dead.contains(&f) {
                    cl_once[o] += 1;
                    let x = df[&f].1;
                    if x <= 100 {
                        bysz[o] += 1;
                    }
                }
            }
        }
        println!(
            "hits {:?}\nnot extended occurrences {:?}\nclosed postings {:?} (df<=100: {:?})  per token {:.3}",
            hits,
            closed,
            cl_once,
            bysz,
            cl_once.iter().sum::<u64>() as f64 / tokens as f64
        );
    }
}
