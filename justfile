# `just` lists the verbs. Everything here is plain cargo; just is a convenience, not a need.

[private]
default:
    @just --list --unsorted

# Plants known poisons in the shipped sample, audits it, prints what was found.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Audits INPUT into OUT.
audit INPUT OUT *ARGS:
    cargo run --release -- audit {{INPUT}} --out {{OUT}} {{ARGS}}

# The release binary, target/release/taster.
build:
    cargo build --release

# Type-checks everything.
check:
    cargo check --workspace --all-targets

# All tests; ARGS as for cargo test, such as `-p taster-ngrams` or `-- counts::`.
test *ARGS:
    cargo test --workspace {{ARGS}}

# The integration tests alone.
integration *ARGS:
    cargo test -p taster-tests --test integration {{ARGS}}

# Formats everything.
fmt:
    cargo fmt --all

# Lints as CI does.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Licences, bans, advisories and sources of dependencies (needs cargo-deny).
deny:
    cargo deny check

# The documentation of all packages.
doc:
    cargo doc --workspace --no-deps --open

# The benchmarks.
bench *ARGS:
    cargo run --release -p taster-bench -- {{ARGS}}

# Everything that CI runs.
ci:
    bash .ci/run
