//! What was typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

use sipauth::base::Network;
use sipauth::report::Redaction;
use sipauth::rules::Severity;

use crate::cli::input_options::InputOptions;
use crate::cli::input_options::LiveOptions;
use crate::cli::limit_options::LimitOptions;
use crate::cli::name_options::NameOptions;
use crate::cli::secret_options::SecretOptions;
use crate::cli::show_options::ShowOptions;

/// Says why a SIP client fails to authenticate, who is at fault, and what fixes it.
#[derive(Parser, Debug)]
#[command(name = "sipauth", version, arg_required_else_help = true, propagate_version = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Report on captures: who authenticated, who did not, and why.
    Analyze(Box<Analyze>),
    /// The ladder of one session: who sent what, with each nonce, its count and the verdict.
    Flow(Box<Flow>),
    /// What the failing client does differently from the working one.
    Compare(Box<Compare>),
    /// Check one answer to one challenge without a capture: header text in, verdict out.
    Verify(Box<Verify>),
    /// What a finding means, why it matters, and what to do.
    Explain(Explain),
    /// List presets and fields of display filters, the rules of the catalogue, the digest algorithms, or the limits.
    List(List),
    /// Print the JSON Schema of the report.
    Schema,
    /// Print the completions of a shell.
    #[command(after_help = "\
Examples:
  sipauth completions bash > ~/.local/share/bash-completion/completions/sipauth
  sipauth completions zsh > ~/.zfunc/_sipauth")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or that of one command.
    #[command(after_help = "\
Examples:
  sipauth man | man -l -
  sipauth man analyze > sipauth-analyze.1")]
    Man {
        /// The command.
        command: Option<String>,
    },
}

/// `sipauth analyze`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sipauth analyze capture.pcap
  sipauth analyze --credentials users.csv capture.pcapng.gz
  sipauth analyze -Y 'sip.Status-Code == 401 && ip.addr == 192.0.2.0/24' capture.pcap
  sipauth analyze --preset failures --preset user=1001 capture.pcap
  sipauth analyze --user 1001 --ask-password --format json -o report.json capture.pcap
  sipauth analyze /var/spool/sip-ring
  tcpdump -U -w - port 5060 | sipauth analyze --format ndjson -
  sipauth analyze --follow --format ndjson /var/spool/sip-ring

Exit codes: 0 nothing at or above --fail-on, 1 a finding, 2 wrong use, 3 an input could not be read,
4 with --strict: damaged input, or messages lost to a limit, 5 the output could not be written, 70 an internal fault,
130 SIGINT, 143 SIGTERM.")]
pub struct Analyze {
    /// pcap or pcapng, plain, gzip or zstd; a folder of them; `-` reads a pipe.
    #[arg(required_unless_present = "read", value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,

    /// The same as CAPTURE, for tshark hands.
    #[arg(short = 'r', long = "read", value_name = "FILE", hide = true)]
    pub read: Vec<PathBuf>,

    /// Report the sessions in which a message matches this display filter, in Wireshark's language: see `sipauth list fields`.
    #[arg(short = 'Y', long, value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<String>,

    /// A named filter, as `sipauth list presets` shows them; several are joined by "or", and with --filter by "and".
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub preset: Vec<String>,

    /// What of a session that matches is reported: all of it, or the attempts and findings of the messages that match.
    #[arg(long = "match", value_enum, default_value_t = Match::Session, value_name = "WHAT")]
    pub match_by: Match,

    /// How to write the report.
    #[arg(short = 'T', long, value_enum, default_value_t = Format::Human, value_name = "FMT")]
    pub format: Format,

    /// Write the report there: beside its place first, then renamed, readable by you alone.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write every frame that a matching message is made of there as pcapng, those of all SIP messages without a filter; each finding
    /// is a comment on the packets it speaks of. What a password can be guessed from is overwritten by x, unless --redact none.
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,

    /// Replace existing output files.
    #[arg(long)]
    pub force: bool,

    /// With --redact none: leave passwords and keys that were sent in clear in the file of --write, and copy the TLS keys of a
    /// pcapng there.
    #[arg(long, requires = "write")]
    pub show_secrets: bool,

    /// Exit with 1 when a finding is at least this severe.
    #[arg(long, value_enum, default_value_t = FailOn::High, value_name = "SEVERITY")]
    pub fail_on: FailOn,

    /// What the report hides: `default` hides whatever a password could be guessed from, `strict` also gives people, numbers,
    /// hosts and addresses other names.
    #[arg(long, value_enum, default_value_t = Redact::Default, value_name = "HOW")]
    pub redact: Redact,

    /// Make the names of --redact strict with what this file holds, so that two reports have the same; keep it to yourself. By
    /// default every report has its own.
    #[arg(long, value_name = "FILE")]
    pub pseudonym_key: Option<PathBuf>,

    /// List at most so many sessions; beyond them only those with a finding of medium or above.
    #[arg(long, default_value_t = sipauth::analyzer::SESSIONS_LISTED, value_name = "N")]
    pub limit_sessions: u64,

    /// List at most so many findings, the worst.
    #[arg(long, default_value_t = sipauth::analyzer::FINDINGS_LISTED, value_name = "N")]
    pub limit_findings: usize,

    /// A network whose hosts need no credentials, by agreement; may be given several times.
    #[arg(long, value_name = "CIDR")]
    pub trusted: Vec<Network>,

    /// Exit with 4 when the input was damaged or a limit was reached.
    #[arg(long)]
    pub strict: bool,

    /// Put the time of this run into the report (CSV and SARIF have no place for it).
    #[arg(long)]
    pub stamp: bool,

    /// Use at most so many threads: two are of use, and by default used where there are two cores. The report is the same with any
    /// number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,

    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,

    /// No notes and warnings on stderr; errors stay.
    #[arg(short, long)]
    pub quiet: bool,

    #[command(flatten)]
    pub input: InputOptions,

    #[command(flatten)]
    pub live: LiveOptions,

    #[command(flatten)]
    pub secrets: SecretOptions,

    #[command(flatten)]
    pub show: ShowOptions,

    #[command(flatten)]
    pub limits: LimitOptions,
}

/// `sipauth flow`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sipauth flow capture.pcap
  sipauth flow --session s3 --credentials users.csv capture.pcap
  sipauth flow --call-id 1-19422@127.0.2.1 --format svg -o ladder.svg capture.pcap

Exit codes: 0 drawn, 2 wrong use, or no such session, 3 an input could not be read, 5 the output could not be written.")]
pub struct Flow {
    /// pcap or pcapng, as for analyze.
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,

    /// The session, by its name in the report: s1. Without this and --call-id it is the one with the worst finding.
    #[arg(long, value_name = "ID", conflicts_with = "call_id")]
    pub session: Option<String>,

    /// The session, by its Call-ID.
    #[arg(long, value_name = "CALL-ID")]
    pub call_id: Option<String>,

    /// How to draw it.
    #[arg(short = 'T', long, value_enum, default_value_t = FlowFormat::Text, value_name = "FMT")]
    pub format: FlowFormat,

    /// Draw with ASCII characters alone.
    #[arg(long)]
    pub ascii: bool,

    #[command(flatten)]
    pub place: OutputPlace,

    #[command(flatten)]
    pub names: NameOptions,

    /// No notes and warnings on stderr; errors stay.
    #[arg(short, long)]
    pub quiet: bool,

    #[command(flatten)]
    pub input: InputOptions,

    #[command(flatten)]
    pub secrets: SecretOptions,

    #[command(flatten)]
    pub limits: LimitOptions,
}

/// Where a drawing or a comparison is written.
#[derive(Args, Debug)]
pub struct OutputPlace {
    /// Write it there: beside its place first, then renamed, readable by you alone.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Replace an existing output file.
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// `sipauth compare`.
#[derive(Args, Debug)]
#[command(after_help = "\
Of the good capture a session is taken that got in with credentials, of the bad one the worst.

Examples:
  sipauth compare works.pcap fails.pcap
  sipauth compare --credentials users.csv --format markdown works.pcap fails.pcap")]
pub struct Compare {
    /// The capture of the client that works.
    pub good: PathBuf,

    /// The capture of the client that fails.
    pub bad: PathBuf,

    /// How to write the comparison.
    #[arg(short = 'T', long, value_enum, default_value_t = CompareFormat::Human, value_name = "FMT")]
    pub format: CompareFormat,

    #[command(flatten)]
    pub place: OutputPlace,

    #[command(flatten)]
    pub names: NameOptions,

    /// No notes and warnings on stderr; errors stay.
    #[arg(short, long)]
    pub quiet: bool,

    #[command(flatten)]
    pub input: InputOptions,

    #[command(flatten)]
    pub secrets: SecretOptions,

    #[command(flatten)]
    pub limits: LimitOptions,
}

/// Formats of comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// For tickets and wikis.
    Markdown,
    /// For browsers.
    Html,
}

/// Formats of ladders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FlowFormat {
    /// Characters, as wide as the terminal, else 80 columns.
    Text,
    /// A Mermaid sequence diagram.
    Mermaid,
    /// A picture.
    Svg,
}

/// Formats of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs: see `sipauth schema`.
    Json,
    /// JSON, one object a line: sessions as they close, the summary last.
    Ndjson,
    /// For tickets and wikis, with Mermaid diagrams.
    Markdown,
    /// One page for browsers, without network and without need of scripts.
    Html,
    /// For spreadsheets: one row an attempt.
    Csv,
    /// SARIF 2.1.0, for code scanning: findings that point at capture and byte.
    Sarif,
}

/// Formats of lists and verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// What a match keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Match {
    /// The whole session.
    Session,
    /// The attempts and findings of the messages that match.
    Message,
}

/// How much is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Redact {
    /// Hides what could be cracked.
    Default,
    /// Hides what could be cracked, and gives people, numbers, hosts and addresses other names.
    Strict,
    /// Hides nothing but what was in clear: credentials of other schemes than Digest, and passwords in URIs.
    None,
}

impl Analyze {
    /// `--redact` in the library's words.
    pub fn redaction(&self) -> Redaction {
        match self.redact {
            Redact::Default => Redaction::Default,
            Redact::Strict => Redaction::Strict,
            Redact::None => Redaction::None,
        }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// From which severity on a finding is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A breach.
    Critical,
    /// Explains a failure.
    High,
    /// Breaks a rule.
    Medium,
    /// A weakness.
    Low,
    /// Anything.
    Info,
    /// Nothing.
    Never,
}

impl FailOn {
    /// The severity; `None` for never.
    pub fn severity(self) -> Option<Severity> {
        match self {
            FailOn::Critical => Some(Severity::Critical),
            FailOn::High => Some(Severity::High),
            FailOn::Medium => Some(Severity::Medium),
            FailOn::Low => Some(Severity::Low),
            FailOn::Info => Some(Severity::Info),
            FailOn::Never => None,
        }
    }
}

/// `sipauth verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
TEXT is a header's value, with or without its name, folded as it may be; or @FILE, which may hold a whole
message; or - for stdin.

Examples:
  sipauth verify --challenge 'Digest realm=\"pbx.example.com\", nonce=\"84f1\"' \\
      --credentials-header @answer.txt --method REGISTER --user 1001 --ask-password

Exit codes: 0 the digest fits, 1 it does not or cannot be checked, 2 wrong use.")]
pub struct Verify {
    /// The challenge: WWW-Authenticate or Proxy-Authenticate.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub challenge: OsString,

    /// The answer: Authorization or Proxy-Authorization.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub credentials_header: OsString,

    /// The method of the request: REGISTER, INVITE. It is part of the digest.
    #[arg(long, value_name = "METHOD")]
    pub method: OsString,

    /// The body of the request, which qop=auth-int covers; empty without it.
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,

    /// How to write the verdict.
    #[arg(short = 'T', long, value_enum, default_value_t = ListFormat::Human, value_name = "FMT")]
    pub format: ListFormat,

    /// No warnings on stderr; errors stay.
    #[arg(short, long)]
    pub quiet: bool,

    #[command(flatten)]
    pub secrets: SecretOptions,
}

/// `sipauth explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// A rule's name or code: `challenge-loop`, `SA101`.
    pub rule: String,
}

/// `sipauth list`.
#[derive(Args, Debug)]
pub struct List {
    /// What to list.
    #[arg(value_enum)]
    pub what: What,

    /// How to write the list.
    #[arg(short = 'T', long, value_enum, default_value_t = ListFormat::Human, value_name = "FMT")]
    pub format: ListFormat,

    /// With presets: a file `dfilter_buttons` for the folder of a Wireshark profile.
    #[arg(long, conflicts_with = "format")]
    pub wireshark: bool,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Named display filters.
    Presets,
    /// What display filters can ask for.
    Fields,
    /// The catalogue of findings.
    Rules,
    /// The digest algorithms that can be verified or recognised, and the near misses that wrong digests are tried for.
    Algorithms,
    /// The bounds on memory, depth and time, and what happens where one is reached.
    Limits,
}
