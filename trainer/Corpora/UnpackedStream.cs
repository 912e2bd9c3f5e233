using System.Buffers.Binary;
using System.IO.Compression;

namespace Btx.Trainer.Corpora;

/// <summary>The content of a gzip file, which .NET's own reader takes for whole where it was cut off, and unpacks without end where it is a bomb.</summary>
internal sealed class UnpackedStream : Stream
{
    private readonly GZipStream content;
    private readonly uint lastLength;
    private long unpacked;

    /// <param name="file">Owned from here on.</param>
    public UnpackedStream(FileStream file)
    {
        // The file ends with the length of its last member, modulo 2^32.
        Span<byte> end = stackalloc byte[4];
        if (file.Length >= 18)
        {
            file.Seek(-4, SeekOrigin.End);
            file.ReadExactly(end);
            file.Position = 0;
        }

        lastLength = BinaryPrimitives.ReadUInt32LittleEndian(end);
        content = new GZipStream(file, CompressionMode.Decompress);
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="InvalidDataException">Damaged, cut off, or larger than <see cref="OwnFile.MostUnpackedBytes"/>.</exception>
    public override int Read(byte[] buffer, int offset, int count)
    {
        int read;
        try
        {
            read = content.Read(buffer, offset, count);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException("is no gzip file, or a damaged one", e);
        }

        if ((unpacked += read) > OwnFile.MostUnpackedBytes) throw new InvalidDataException($"unpacks to more than {OwnFile.MostUnpackedBytes >> 30} GiB; unpack and divide it");
        if (read == 0 && count > 0 && lastLength > unpacked) throw new InvalidDataException("is cut off: its end says that there is more");
        return read;
    }

    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) content.Dispose();
        base.Dispose(disposing);
    }
}
