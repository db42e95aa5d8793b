//! Answers without a JSON library: what it says is fixed but for two values.
use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;
    let attempt = std::env::var("DUCTILE_ATTEMPT").unwrap_or_default();
    let answer = format!(
        concat!(
            r#"{{"status":"ok","result":{{"language":"rust","received":{},"attempt":"{}"}},"#,
            r#""events":[{{"type":"spoken","payload":{{"text":"grüße from rust"}}}}],"#,
            r#""state_updates":{{"language":"rust"}},"logs":[{{"level":"info","message":"rust spoke"}}]}}"#
        ),
        request.len(),
        attempt
    );
    std::io::stdout().write_all(answer.as_bytes())
}
