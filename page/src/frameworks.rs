//! Which entries of two public catalogues of threats each check speaks to.
//!
//! Names and numbers are those of the OWASP Top 10 for LLM Applications 2025 and of MITRE ATLAS.

/// One check and what it is a sign of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mapping {
    pub check: &'static str,
    pub owasp: &'static str,
    pub atlas: &'static str,
}

/// All checks.
pub(crate) const MAPPINGS: [Mapping; 5] = [
    Mapping {
        check: "Novelty: unseen text after a repeated sequence",
        owasp: "LLM04:2025 Data and Model Poisoning",
        atlas: "AML.T0020 Poison Training Data; AML.T0018.000 Poison AI Model (what it leads to)",
    },
    Mapping {
        check: "Asymmetry: a fixed passage after, or before, varied text",
        owasp: "LLM04:2025 Data and Model Poisoning; LLM01:2025 Prompt Injection, if the passage gives orders",
        atlas: "AML.T0020 Poison Training Data; AML.T0051.001 LLM Prompt Injection: Indirect",
    },
    Mapping {
        check: "Code points: invisible, reordering or look-alike characters",
        owasp: "LLM04:2025 Data and Model Poisoning; LLM01:2025 Prompt Injection",
        atlas: "AML.T0043.004 Insert Backdoor Trigger; AML.T0068 LLM Prompt Obfuscation",
    },
    Mapping {
        check: "Place: a sequence of one shard, host, source or date",
        owasp: "LLM03:2025 Supply Chain; LLM04:2025 Data and Model Poisoning",
        atlas: "AML.T0010.002 AI Supply Chain Compromise: Data; AML.T0019 Publish Poisoned Datasets",
    },
    Mapping {
        check: "Known signatures: triggers from publications and your own list",
        owasp: "LLM04:2025 Data and Model Poisoning; LLM01:2025 Prompt Injection",
        atlas: "AML.T0043.004 Insert Backdoor Trigger; AML.T0020 Poison Training Data",
    },
];
