"""Small files of every kind that a case takes, and of some that it does not."""

PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff;"
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00/\x00\x00\x00"
TEXT = "She wrote: “it is my sister’s phone.”\n".encode()
CSV = "order,amount\r\n17,49.99\r\n".encode("utf-8-sig")
EMAIL = (
    b"Received: from mx.example (203.0.113.7)\r\nFrom: Mallory <m@example.com>\r\nTo: shop@himal.example\r\n"
    b"Subject: =?utf-8?q?Caf=C3=A9?=\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nCaf\xe9\r\n"
)
KEPT = {
    "PDF": ("invoice.pdf", PDF, "application/pdf"),
    "PNG": ("screen.png", PNG, "image/png"),
    "JPEG": ("IMG_0001.JPG", JPEG, "image/jpeg"),
    "GIF": ("wave.gif", GIF, "image/gif"),
    "WebP": ("photo.webp", WEBP, "image/webp"),
    "text": ("chat.txt", TEXT, "text/plain"),
    "CSV": ("orders.csv", CSV, "text/csv"),
    "e-mail": ("complaint.eml", EMAIL, "message/rfc822"),
}
REFUSED = {
    "a program called a PDF": ("invoice.pdf", b"MZ\x90\x00\x03\x00\x00\x00\x04"),
    "a web page called text": ("chat.txt", b"  <!DOCTYPE html><script>alert(1)</script>"),
    "a drawing that runs scripts": ("logo.png", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
    "a svg without a head": ("logo.svg", b"<svg onload=alert(1)>"),
    "an archive": ("all.zip", b"PK\x03\x04\x14\x00\x00\x00"),
    "a document of an office": ("letter.docx", b"PK\x03\x04\x14\x00\x06\x00"),
    "text in another encoding": ("chat.txt", "Café".encode("latin-1")),
    "text with a null byte": ("chat.txt", b"hello\x00world"),
    "rich text": ("letter.txt", rb"{\rtf1\ansi}"),
    "a PDF that begins later": ("invoice.pdf", b"\x00\x01%PDF-1.7"),
    "half a picture's beginning": ("screen.png", b"\x89PNG\r\n"),
    "a sound in the same box": ("photo.webp", b"RIFF\x1a\x00\x00\x00WAVEfmt \x10"),
    "an e-mail with a null byte": ("complaint.eml", EMAIL + b"\x00"),
    "only blanks": ("blank.txt", b" \r\n\t"),
}
