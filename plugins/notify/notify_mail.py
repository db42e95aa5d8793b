"""One mail over SMTP."""

from __future__ import annotations

import contextlib
import smtplib
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import TYPE_CHECKING

from notify_message import Refused
from notify_post import Failed, broken, tls
from notify_settings import BadConfig

if TYPE_CHECKING:
    from notify_message import Message
    from notify_settings import Mail

PERMANENT = 500
"""The least SMTP reply that another try cannot mend."""


def send(at: Mail, message: Message, timeout: float) -> list[str]:
    """The recipients that the server did not take, where it took others. Raises Failed, Refused, BadConfig."""
    mail = composed(at, message)
    sender, *recipients = (parseaddr(one)[1] for one in (at.sender, *at.recipients))
    place = f"{at.host}:{at.port}"
    context = tls(at.ca_file)
    try:
        server = connected(at, timeout, context)
        try:
            if at.security == "starttls":
                server.starttls(context=context)
            if at.user is not None and at.password is not None:
                server.login(at.user, at.password)
            return sorted(server.send_message(mail, sender, recipients))
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.putcmd("QUIT")  # its answer says nothing about a mail that was taken
            server.close()
    except smtplib.SMTPRecipientsRefused as error:
        raise judged(place, *refused(error)) from None
    except smtplib.SMTPResponseException as error:
        raise judged(place, error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPServerDisconnected as error:
        raise Failed(f"{place}: {error}") from None
    except smtplib.SMTPException as error:  # it lacks what is asked of it, such as STARTTLS or a way to log in
        raise Refused(f"{place}: {error}") from None
    except OSError as error:
        raise broken(place, error) from None
    except UnicodeError:
        raise BadConfig(f"{at.host} is no host name") from None


def connected(at: Mail, timeout: float, context: object) -> smtplib.SMTP:
    if at.security == "tls":
        return smtplib.SMTP_SSL(at.host, at.port, timeout=timeout, context=context)  # type: ignore[arg-type]  # an SSLContext
    return smtplib.SMTP(at.host, at.port, timeout=timeout)


def composed(at: Mail, message: Message) -> EmailMessage:
    """The mail. Its id is the job's, so that a second copy after a lost answer is known as one."""
    mail = EmailMessage()
    mail["From"] = at.sender
    mail["To"] = ", ".join(at.recipients)
    mail["Subject"] = message.title
    mail["Date"] = formatdate()
    if message.job_id.replace("-", "").isalnum():
        mail["Message-ID"] = f"<{message.job_id}@ductile>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{message.text}\n", cte="base64")
    return mail


def refused(error: smtplib.SMTPRecipientsRefused) -> tuple[int, bytes | str]:
    """The reply that counts where nobody was taken: one that another try may mend, if there is one."""
    return min(error.recipients.values(), key=lambda reply: reply[0])


def judged(place: str, code: int, reply: bytes | str) -> Exception:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    said = f"{place} answered {code}: {' '.join(text.split())[:300]}"
    return Refused(said) if code >= PERMANENT else Failed(said)
