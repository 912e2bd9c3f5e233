using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Btx.Trainer.Corpora;

/// <summary>Writes one split as JSON Lines and counts and hashes what it writes.</summary>
internal sealed class ShardWriter : IDisposable
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly FileStream stream;
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly ArrayBufferWriter<byte> line = new(1 << 16);
    private readonly string relativePath;
    private long documents;
    private long bytes;

    /// <param name="path">File to create.</param>
    /// <param name="relativePath">What the manifest will call it.</param>
    public ShardWriter(string path, string relativePath)
    {
        this.relativePath = relativePath;
        stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 18);
    }

    public void Write(CorpusDocument document)
    {
        line.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(line, Options))
        {
            json.WriteStartObject();
            json.WriteString("id", document.Id);
            json.WriteString("text", document.Text);
            json.WriteEndObject();
        }

        line.GetSpan(1)[0] = (byte)'\n';
        line.Advance(1);
        stream.Write(line.WrittenSpan);
        hash.AppendData(line.WrittenSpan);
        documents++;
        bytes += Encoding.UTF8.GetByteCount(document.Text);
    }

    /// <summary>Makes the file durable and describes it.</summary>
    public CorpusShard Complete()
    {
        stream.Flush(flushToDisk: true);
        return new CorpusShard(relativePath, documents, bytes, stream.Length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    public void Dispose()
    {
        stream.Dispose();
        hash.Dispose();
    }
}
