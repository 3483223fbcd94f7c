//! ONNX Runtime must not call home. Its official builds send usage data (names and shapes of models, the machine) to
//! mobile.events.data.microsoft.com since version 1.29, on Linux, too, and keep a database of it in the user's cache folder. The call
//! of its interface that turns this off comes too late for what is sent at the start; an environment variable does not.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Turns ONNX Runtime's own telemetry off, where it is set before the library is loaded.
pub(crate) const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// True where ONNX Runtime will keep to itself.
#[must_use]
pub fn is_private() -> bool {
    std::env::var(VARIABLE).is_ok_and(|value| value == "1")
}

/// Makes sure of it, first thing in `main`: where the variable is not set, the program starts over with it, as the same process.
/// (Setting it from within would be unsound beside other threads, which is why Rust calls it unsafe.)
///
/// # Errors
/// When the program cannot be started over.
pub fn ensure_private() -> io::Result<()> {
    if is_private() {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let mut again = Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    Err(again.args(arguments).env(VARIABLE, "1").exec())
}
