//! W3C Trace Context: which distributed trace a request belongs to. The trace's id stands in the log and in the response's
//! `traceresponse`; with the feature `otlp` the request's spans become part of the trace.

use uuid::Uuid;

/// Where in a trace a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// The caller's span, 16 hexadecimal digits; `None` where the trace begins here.
    pub parent_id: Option<String>,
    /// The span of this request, 16 hexadecimal digits.
    pub span_id: String,
    /// Flags: 1 for a trace that is recorded.
    pub flags: u8,
}

impl TraceContext {
    /// Continues the trace of a `traceparent`, or begins one where it is missing or malformed.
    #[must_use]
    pub fn of(traceparent: Option<&str>) -> Self {
        // A version 4 UUID has six bits that are not random; its last 64 have two of them, which will do to tell spans apart.
        let fresh = || Uuid::new_v4().simple().to_string();
        let span_id = fresh()[16..].to_owned();
        match traceparent.and_then(parsed) {
            Some((trace_id, parent_id, flags)) => {
                Self { trace_id: trace_id.to_owned(), parent_id: Some(parent_id.to_owned()), span_id, flags }
            }
            None => Self { trace_id: fresh(), parent_id: None, span_id, flags: 1 },
        }
    }
}

/// Trace, parent and flags of a `traceparent`.
fn parsed(traceparent: &str) -> Option<(&str, &str, u8)> {
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let mut fields = traceparent.split('-');
    let (version, trace_id, parent_id, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let known = is_hex(version, 2) && version != "ff" && (version != "00" || fields.next().is_none());
    let set = |id: &str, length: usize| is_hex(id, length) && id.bytes().any(|byte| byte != b'0');
    if !(known && set(trace_id, 32) && set(parent_id, 16) && is_hex(flags, 2)) {
        return None;
    }
    Some((trace_id, parent_id, u8::from_str_radix(flags, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn a_trace_is_continued() {
        let context = TraceContext::of(Some(&format!("00-{TRACE}-{PARENT}-01")));
        assert_eq!((context.trace_id.as_str(), context.parent_id.as_deref(), context.flags), (TRACE, Some(PARENT), 1));
        assert_ne!(context.span_id, PARENT);
        let later = TraceContext::of(Some(&format!("cc-{TRACE}-{PARENT}-00-what-will-be")));
        assert_eq!((later.trace_id.as_str(), later.flags), (TRACE, 0), "later versions may add fields");
    }

    #[test]
    fn what_is_malformed_begins_a_trace() {
        let zero = "0".repeat(32);
        for wrong in [
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{zero}-{PARENT}-01"),
            format!("00-{TRACE}-{}-01", &zero[..16]),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{PARENT}"),
            format!("0-{TRACE}-{PARENT}-01"),
        ] {
            let context = TraceContext::of(Some(&wrong));
            assert!(context.parent_id.is_none() && context.trace_id != TRACE, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_the_context_is_well_formed(sent in "\\PC{0,80}") {
            let TraceContext { trace_id, span_id, flags, .. } = TraceContext::of(Some(&sent));
            let passed_on = format!("00-{trace_id}-{span_id}-{flags:02x}");
            prop_assert!(parsed(&passed_on).is_some());
        }
    }
}
