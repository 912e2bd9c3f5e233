using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Btx.Server.Listeners;

/// <summary>What a connection may take, before anything is known of its requests. Sizes in KiB, times in seconds, rates in bytes a
/// second.</summary>
internal sealed record TransportLimits
{
    /// <summary>Of all headers of a request, names and values; of HTTP/2 each field, too.</summary>
    public int HeaderSize { get; init; } = 32;

    /// <summary>Headers of a request.</summary>
    public int Headers { get; init; } = 100;

    /// <summary>Of the first line of a request of HTTP/1.1: method, path, version.</summary>
    public int RequestLine { get; init; } = 8;

    /// <summary>In which the headers of a request must have come.</summary>
    public double HeaderTime { get; init; } = 15;

    /// <summary>How long a connection without a request is kept.</summary>
    public double IdleTime { get; init; } = 75;

    /// <summary>How slowly a body may come, after its first 5 s; 0: as slowly as it likes.</summary>
    public double BodyRate { get; init; } = 240;

    /// <summary>How slowly an answer may be read, after its first 5 s; 0: as slowly as it likes.</summary>
    public double AnswerRate { get; init; } = 240;

    /// <summary>Calls under way on a connection of HTTP/2.</summary>
    public int Streams { get; init; } = 100;

    /// <summary>Calls that a client may cancel in one second on a connection of HTTP/2.</summary>
    public int Resets { get; init; } = 100;

    /// <summary>After so long without a frame, a client of HTTP/2 is asked whether it is there; 0: never.</summary>
    public double PingInterval { get; init; } = 60;

    /// <summary>In which it must answer that.</summary>
    public double PingTime { get; init; } = 20;

    /// <summary>Of one frame of HTTP/2.</summary>
    public int FrameSize { get; init; } = 16;

    /// <summary>What a client may send ahead in one call of HTTP/2.</summary>
    public int StreamWindow { get; init; } = 768;

    /// <summary>What a client may send ahead in all calls of a connection of HTTP/2.</summary>
    public int ConnectionWindow { get; init; } = 1024;

    /// <summary>Of the table that compresses headers of HTTP/2 (HPACK).</summary>
    public int HeaderTable { get; init; } = 4;

    public void ApplyTo(KestrelServerLimits limits)
    {
        static TimeSpan Seconds(double value) => value == 0 ? TimeSpan.MaxValue : TimeSpan.FromSeconds(value);
        static MinDataRate? Rate(double value) => value == 0 ? null : new(value, TimeSpan.FromSeconds(5));
        limits.MaxRequestBodySize = null; // HTTP and gRPC have each its own limit, and its own way to say so
        limits.MaxRequestHeadersTotalSize = HeaderSize << 10;
        limits.MaxRequestHeaderCount = Headers;
        limits.MaxRequestLineSize = RequestLine << 10;
        limits.MaxRequestBufferSize = Math.Max(limits.MaxRequestBufferSize ?? 0, Math.Max(RequestLine, HeaderSize) << 10);
        limits.RequestHeadersTimeout = Seconds(HeaderTime);
        limits.KeepAliveTimeout = Seconds(IdleTime);
        limits.MinRequestBodyDataRate = Rate(BodyRate);
        limits.MinResponseDataRate = Rate(AnswerRate);
        limits.Http2.MaxStreamsPerConnection = Streams;
        limits.Http2.KeepAlivePingDelay = Seconds(PingInterval);
        limits.Http2.KeepAlivePingTimeout = Seconds(PingTime);
        limits.Http2.MaxFrameSize = FrameSize << 10;
        limits.Http2.MaxRequestHeaderFieldSize = HeaderSize << 10;
        limits.Http2.InitialStreamWindowSize = StreamWindow << 10;
        limits.Http2.InitialConnectionWindowSize = ConnectionWindow << 10;
        limits.Http2.HeaderTableSize = HeaderTable << 10;
    }
}
