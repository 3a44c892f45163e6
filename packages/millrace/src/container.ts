// tsyringe reads metadata when it is loaded: this file is the only one that imports it, after what it needs.
import 'reflect-metadata'

export { container, type DependencyContainer } from 'tsyringe'
