namespace Btx.Server.Tests.Fakes;

/// <summary>Waits for what must come. It measures no speed: what never comes ends a test instead of hanging it.</summary>
internal static class Patience
{
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(5);

    /// <exception cref="TimeoutException">It does not come; the message says what.</exception>
    public static Task UntilAsync(Func<bool> came, string what) => UntilAsync(() => Task.FromResult(came()), () => what, milliseconds: 1);

    /// <inheritdoc cref="UntilAsync(Func{bool}, string)"/>
    /// <param name="milliseconds">Between two looks.</param>
    public static async Task UntilAsync(Func<Task<bool>> came, Func<string> what, int milliseconds = 20)
    {
        using var end = new CancellationTokenSource(s_hang);
        while (!await came())
        {
            if (end.IsCancellationRequested) throw new TimeoutException($"it never came: {what()}");
            await Task.Delay(milliseconds);
        }
    }
}
