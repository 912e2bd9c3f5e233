namespace Btx.LoadTests.Doors;

/// <summary>When the tokens of one answer arrived: a clock reading each, nothing else on the way.</summary>
/// <param name="expected">Tokens that are likely; more are taken too.</param>
public sealed class TokenArrivals(TimeProvider time, int expected)
{
    private long[] _times = new long[Math.Clamp(expected, 4, 1 << 16)];

    public int Count { get; private set; }

    /// <summary>A token arrived just now; or several in one piece.</summary>
    public void Token(int tokens = 1) => Token(tokens, time.GetTimestamp());

    /// <inheritdoc cref="Token(int)"/>
    public void Token(int tokens, long timestamp)
    {
        for (; tokens > 0; tokens--)
        {
            if (Count == _times.Length) Array.Resize(ref _times, 2 * Count);
            _times[Count++] = timestamp;
        }
    }

    /// <summary>A clock reading, for <see cref="Token(int, long)"/>.</summary>
    public long Now() => time.GetTimestamp();

    /// <summary>Seconds from a clock reading to the first token; null: there is none.</summary>
    public double? First(long since) => Count == 0 ? null : time.GetElapsedTime(since, _times[0]).TotalSeconds;

    /// <summary>Seconds between tokens that follow each other.</summary>
    public float[] Gaps()
    {
        if (Count < 2) return [];
        var gaps = new float[Count - 1];
        for (var i = 0; i < gaps.Length; i++) gaps[i] = (float)time.GetElapsedTime(_times[i], _times[i + 1]).TotalSeconds;
        return gaps;
    }
}
