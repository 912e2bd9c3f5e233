namespace Btx.LoadTests.Load;

/// <summary>A distribution of lengths in tokens, each at least 1.</summary>
public interface ILengths
{
    /// <summary>As the command line says it.</summary>
    string Text { get; }

    /// <summary>The longest that is drawn.</summary>
    int Max { get; }

    /// <summary>The middle of the distribution.</summary>
    double Median { get; }

    int Draw(ref Draws draws);
}
