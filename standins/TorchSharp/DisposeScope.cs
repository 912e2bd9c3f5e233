namespace TorchSharp;

/// <summary>Owns the tensors made on its thread while it is the innermost scope, and disposes them with itself.</summary>
public sealed class DisposeScope : IDisposable
{
    private readonly DisposeScopeManager manager;
    private readonly DisposeScope? outer;
    private HashSet<IDisposable> owned = new(ReferenceEqualityComparer.Instance);

    public DisposeScope(DisposeScopeManager disposeScopeManager)
    {
        manager = disposeScopeManager;
        outer = manager.Scopes.Count > 0 ? manager.Scopes.Peek() : null;
    }

    public int DisposablesCount => owned.Count;

    public bool Contains(IDisposable disposable) => owned.Contains(disposable);

    public void Attach(IDisposable disposable) => Move(disposable, this);

    /// <summary>Gives an object to the surrounding scope, or to nobody if there is none.</summary>
    public T MoveToOuter<T>(T disposable) where T : IDisposable
    {
        if (owned.Contains(disposable)) Move(disposable, outer);
        return disposable;
    }

    /// <summary>Takes an object out of all scopes: its owner disposes it.</summary>
    public T Detach<T>(T disposable) where T : IDisposable
    {
        if (owned.Contains(disposable)) Move(disposable, null);
        return disposable;
    }

    public void DisposeEverything() => DisposeOthers([]);

    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        DisposeOthers([keep]);
        return keep;
    }

    public void Dispose()
    {
        DisposeEverything();
        manager.Remove(this);
    }

    internal void Include(torch.Tensor tensor) => owned.Add(tensor);

    internal void Exclude(IDisposable disposable) => owned.Remove(disposable);

    private void Move(IDisposable disposable, DisposeScope? target)
    {
        if (disposable is torch.Tensor tensor)
        {
            tensor.OwningDisposeScope?.Exclude(tensor);
            tensor.OwningDisposeScope = target;
        }
        else
        {
            owned.Remove(disposable);
        }

        target?.owned.Add(disposable);
    }

    private void DisposeOthers(IDisposable[] keep)
    {
        var old = owned;
        owned = new(ReferenceEqualityComparer.Instance);
        foreach (var disposable in old)
        {
            if (keep.Contains(disposable))
            {
                owned.Add(disposable);
                continue;
            }

            if (disposable is torch.Tensor tensor) tensor.OwningDisposeScope = null;
            disposable.Dispose();
        }
    }
}
