//! IMS phones: their SIM answers, and what they agree on with the P-CSCF comes first.

use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::aka_facts;
use crate::session::Attempt;

/// Where the account of an IMS phone is.
pub(super) const CHECK_SIM: &str = "See in the log of the phone or its modem why it let the challenge go: its account is in the SIM, whose private \
     identity, K and OPc are to be those of the HSS";

/// What follows is not seen.
pub(super) fn explain_ipsec(mut finding: Finding) -> Finding {
    finding.explanation.push_str(
        " The answer agrees on IPsec (Security-Server: ipsec-3gpp): what follows is encrypted, and this capture cannot show it.",
    );
    finding.advises("Capture behind the P-CSCF (Mw), or with the keys of the ESP packets, to see the answer")
}

/// The phone is to let such a challenge go, whatever its SIM says.
pub(super) fn explain_no_agreement(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    finding.explanation.push_str(
        " The request names mechanisms to agree on (Security-Client), and the answer has no Security-Server: an IMS phone then abandons the \
         challenge, and begins anew with another REGISTER (3GPP TS 24.229 section 5.1.1.5).",
    );
    finding.cause = Some("security-agreement");
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding = finding.excludes("wrong key in the SIM: the phone would say so with another REGISTER, under the same Call-ID").advises(
        "Let the P-CSCF put Security-Server into its 401 (Kamailio: ims_ipsec_pcscf), or switch IPsec off on the phone",
    );
    if aka_facts::tells_keys(attempt) {
        finding.explanation.push_str(
            " It carries ck and ik, too: those are for the P-CSCF, which did not take them out. It may not have seen to this answer at all.",
        );
        finding = finding
            .advises("Let the P-CSCF take ck and ik out of the challenge, which whoever reads the packets can use");
    }
    finding.fault(Fault::Server)
}
