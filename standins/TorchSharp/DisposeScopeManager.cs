namespace TorchSharp;

/// <summary>The stack of dispose scopes of the current thread.</summary>
public sealed class DisposeScopeManager
{
    [ThreadStatic]
    private static DisposeScopeManager? current;

    internal Stack<DisposeScope> Scopes { get; } = [];

    internal static DisposeScopeManager Current => current ??= new();

    internal static DisposeScope? Innermost => current is { Scopes.Count: > 0 } c ? c.Scopes.Peek() : null;

    internal static DisposeScope NewDisposeScope()
    {
        var manager = Current;
        var scope = new DisposeScope(manager);
        manager.Scopes.Push(scope);
        return scope;
    }

    internal void Remove(DisposeScope scope)
    {
        // A scope that is disposed out of order takes only itself off the stack.
        if (Scopes.Count > 0 && Scopes.Peek() == scope)
        {
            Scopes.Pop();
            return;
        }

        var kept = Scopes.Where(s => s != scope).Reverse().ToArray();
        Scopes.Clear();
        foreach (var s in kept) Scopes.Push(s);
    }
}
